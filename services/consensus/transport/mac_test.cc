#include "services/consensus/transport/mac.h"

#include <gtest/gtest.h>

#include "absl/strings/escaping.h"

namespace z4j::consensus {
namespace {

// RFC 4231, cases 2 and 6.
TEST(MacTest, HmacIsTheOneOfTheStandard) {
  EXPECT_EQ(absl::BytesToHexString(HmacSha256("Jefe").Of("what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  HmacSha256 mac(std::string(131, '\xaa'));
  for (int i = 0; i < 3; ++i) {  // The prepared key stays.
    EXPECT_EQ(absl::BytesToHexString(mac.Of("Test Using Larger Than ",
                                            "Block-Size Key - Hash Key "
                                            "First")),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  }
}

// RFC 5869, cases 1 and 3.
TEST(MacTest, HkdfIsTheOneOfTheStandard) {
  EXPECT_EQ(absl::BytesToHexString(HkdfSha256(std::string(22, '\x0b'),
                                              absl::HexStringToBytes("000102030405060708090a0b0c"),
                                              absl::HexStringToBytes("f0f1f2f3f4f5f6f7f8f9"), 42)),
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
  EXPECT_EQ(absl::BytesToHexString(HkdfSha256(std::string(22, '\x0b'), "", "", 42)),
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8");
}

TEST(MacTest, ComparesWholeTexts) {
  EXPECT_TRUE(EqualInConstantTime("", ""));
  EXPECT_TRUE(EqualInConstantTime("proof", "proof"));
  EXPECT_FALSE(EqualInConstantTime("proof", "prooF"));
  EXPECT_FALSE(EqualInConstantTime("proof", "proo"));
  EXPECT_FALSE(EqualInConstantTime("", "p"));
}

TEST(MacTest, RandomBytesAreOtherOnesEachTime) {
  EXPECT_EQ(RandomBytes(32).size(), 32);
  EXPECT_NE(RandomBytes(32), RandomBytes(32));
}

}  // namespace
}  // namespace z4j::consensus
