#include "services/base/uuid.h"

#include <gtest/gtest.h>

#include "services/base/testing/status_matchers.h"

namespace z4j {
namespace {

TEST(UuidTest, NameBasedOneIsTheOneOfRfc4122) {
  ASSERT_OK_AND_ASSIGN(Uuid dns, Uuid::Parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
  // Python: uuid.uuid5(uuid.NAMESPACE_DNS, "python.org")
  EXPECT_EQ(Uuid::FromName(dns, "python.org").ToString(), "886313e1-3b8a-5372-9b90-0c9aee199e5d");
}

TEST(UuidTest, TextWithAndWithoutHyphensIsTheSame) {
  ASSERT_OK_AND_ASSIGN(Uuid a, Uuid::Parse("6ba7b810-9dad-11d1-80b4-00c04fd430c8"));
  ASSERT_OK_AND_ASSIGN(Uuid b, Uuid::Parse("6BA7B8109DAD11D180B400C04FD430C8"));
  EXPECT_EQ(a, b);
  EXPECT_EQ(a.ToString(), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
}

TEST(UuidTest, AnythingElseIsRefused) {
  for (const char* text :
       {"", "x", "6ba7b810-9dad-11d1-80b4-00c04fd430c", "6ba7b8109dad-11d1-80b4-00c04fd430c8-",
        "zba7b8109dad11d180b400c04fd430c8"}) {
    EXPECT_THAT(Uuid::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
  }
}

TEST(UuidTest, RandomOnesDiffer) { EXPECT_NE(Uuid::Random(), Uuid::Random()); }

}  // namespace
}  // namespace z4j
