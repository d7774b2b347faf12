#include "services/scheduler/core/import_source.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/scheduler/core/text_rules.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

constexpr size_t kDigestChars = 64;  // SHA-256 in hex.

bool IsLowerHex(char c) { return absl::ascii_isdigit(c) || ('a' <= c && c <= 'f'); }

}  // namespace

std::vector<FieldViolation> CheckImportSource(const ImportSource& source) {
  std::vector<FieldViolation> violations;
  const auto check_text = [&](const char* field, const std::string& text, int chars_max,
                              TextShape shape) {
    const std::string fault = CheckText(text, 0, chars_max, shape);
    if (!fault.empty()) violations.push_back({field, absl::StrCat(Quoted(text), " ", fault)});
  };
  if (const std::string& kind = source.kind;
      kind.empty() || kind.size() > kSourceKindCharsMax || !HasOnly(kind, "-_", false)) {
    violations.push_back(
        {"source.kind",
         absl::StrCat(Quoted(kind), " is no kind of source; write 1 to ", kSourceKindCharsMax,
                      " lower-case letters, digits, hyphens and underscores, such "
                      "as \"celery\"")});
  }
  check_text("source.version", source.version, kSourceVersionCharsMax, TextShape::kOneLine);
  check_text("source.locator", source.locator, kSourceTextCharsMax, TextShape::kOneLine);
  check_text("source.key", source.key, kSourceTextCharsMax, TextShape::kOneLine);
  check_text("source.raw", source.raw, kDescriptionCharsMax, TextShape::kProse);
  const std::string& digest = source.digest;
  if (!digest.empty() &&
      (digest.size() != kDigestChars || !std::all_of(digest.begin(), digest.end(), IsLowerHex))) {
    violations.push_back(
        {"source.digest", absl::StrCat(Quoted(digest), " is no SHA-256; write ", kDigestChars,
                                       " lower-case hexadecimal digits, or leave it out")});
  }
  check_text("source.import_id", source.import_id, kRequestIdCharsMax, TextShape::kOneLine);
  return violations;
}

}  // namespace z4j::scheduler
