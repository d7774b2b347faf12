#include "services/consensus/storage/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace z4j::consensus {
namespace {

TEST(Crc32cTest, GivesTheKnownAnswersOfRfc3720) {
  EXPECT_EQ(Crc32c(std::string(32, '\0')), 0x8a9136aa);
  EXPECT_EQ(Crc32c(std::string(32, '\xff')), 0x62a8ab43);
  std::string rising;
  for (int i = 0; i < 32; ++i) rising += static_cast<char>(i);
  EXPECT_EQ(Crc32c(rising), 0x46dd794e);
  EXPECT_EQ(Crc32c(std::string(rising.rbegin(), rising.rend())), 0x113fdb5c);
  EXPECT_EQ(Crc32c("123456789"), 0xe3069283);
  EXPECT_EQ(Crc32c(""), 0);
}

TEST(Crc32cTest, TablesAndInstructionAgreeOnEveryLengthAndAlignment) {
  std::string bytes;
  for (uint32_t i = 0; i < 300; ++i) bytes += static_cast<char>(i * 2654435761U >> 13);
  for (size_t from = 0; from < 9; ++from) {
    for (size_t size = 0; from + size <= bytes.size(); ++size) {
      const auto part = std::string_view(bytes).substr(from, size);
      ASSERT_EQ(ExtendCrc32c(7, part), ExtendCrc32cByTables(7, part)) << from << " " << size;
    }
  }
}

TEST(Crc32cTest, ExtendsAsIfTheBytesHadComeAtOnce) {
  const std::string_view text = "the log is the truth";
  for (size_t cut = 0; cut <= text.size(); ++cut) {
    EXPECT_EQ(ExtendCrc32c(Crc32c(text.substr(0, cut)), text.substr(cut)), Crc32c(text));
  }
}

}  // namespace
}  // namespace z4j::consensus
