#include "services/base/cli/yaml.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "services/base/testing/status_matchers.h"

namespace z4j {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

TEST(YamlTest, WhatIsWrittenReadsBackAsItWas) {
  const json value = {{"text", "no"},
                      {"digits", "007"},
                      {"lines", "a: b\n# \"c\"\té"},
                      {"empty", ""},
                      {"number", -12},
                      {"long", 1'800'000'000'000'000},
                      {"part", 0.25},
                      {"yes", true},
                      {"nothing", nullptr},
                      {"list", json::array({"x", json::object({{"y", json::array()}})})},
                      {"none", json::object()}};
  const auto back = ParseYaml(ToYaml(value));
  ASSERT_OK(back);
  EXPECT_EQ(*back, value);
}

TEST(YamlTest, WhatStandsInQuotesIsAText) {
  const auto read = ParseYaml("{a: '5', b: 5, c: five, d: \"true\", e: true, f: ~}");
  ASSERT_OK(read);
  EXPECT_EQ(
      *read,
      json({{"a", "5"}, {"b", 5}, {"c", "five"}, {"d", "true"}, {"e", true}, {"f", nullptr}}));
}

TEST(YamlTest, AnErrorNamesItsLine) {
  EXPECT_THAT(ParseYaml("a: 1\nb: [1\n").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("line ")));
  EXPECT_THAT(ParseYaml("a: 1\na: 2\n").status(),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'a' stands twice")));
}

}  // namespace
}  // namespace z4j
