#include "services/scheduler/audit/export.h"

#include <gtest/gtest.h>

#include <sstream>

#include "services/base/testing/status_matchers.h"
#include "services/scheduler/audit/testing/sample_chain.h"

namespace z4j::scheduler {
namespace {

std::string Export(const SampleChain& chain) {
  std::string text = ExportHeadLine(chain.head) + "\n";
  for (const AuditEntry& entry : chain.entries) text += *ExportEntryLine(entry) + "\n";
  return text;
}

AuditVerdict VerifyText(const std::string& text, const Keyring& keys) {
  std::istringstream lines(text);
  const absl::StatusOr<AuditVerdict> verdict = VerifyExport(lines, keys);
  EXPECT_OK(verdict);
  return *verdict;
}

TEST(ExportTest, ALineHoldsEverythingOfAnEntry) {
  const SampleChain chain = MakeChain(SampleKeys(), 2);
  AuditEntry entry = chain.entries[1];
  entry.after = "{\"quote\":\"\\\"\",\"text\":\"zwölf\n\"}";
  ASSERT_OK_AND_ASSIGN(const std::string line, ExportEntryLine(entry));
  EXPECT_EQ(line.find('\n'), std::string::npos);
  ASSERT_OK_AND_ASSIGN(const AuditEntry back, ParseEntryLine(line));
  EXPECT_EQ(back, entry);
  ASSERT_OK_AND_ASSIGN(const AuditHead head, ParseHeadLine(ExportHeadLine(chain.head)));
  EXPECT_EQ(head, chain.head);
}

TEST(ExportTest, AnExportVerifiesWithoutAServer) {
  const Keyring keys = SampleKeys();
  const AuditVerdict verdict = VerifyText(Export(MakeChain(keys, 20)), keys);
  EXPECT_TRUE(verdict.ok()) << verdict.message;
  EXPECT_EQ(verdict.entries, 20);
}

TEST(ExportTest, AnEditedLineIsNamed) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 5);
  chain.entries[2].actor = "cli:eve";
  const AuditVerdict verdict = VerifyText(Export(chain), keys);
  EXPECT_EQ(verdict.fault, AuditFault::kMacMismatch);
  EXPECT_EQ(verdict.seq, 3);
}

TEST(ExportTest, LinesPastTheHeadAreAFault) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 5);
  chain.head = MakeChain(keys, 3).head;
  const AuditVerdict verdict = VerifyText(Export(chain), keys);
  EXPECT_EQ(verdict.fault, AuditFault::kHeadMismatch);
  EXPECT_EQ(verdict.seq, 4);
}

TEST(ExportTest, ATextThatIsNoExportIsRefusedWithItsLine) {
  const Keyring keys = SampleKeys();
  std::istringstream empty("");
  EXPECT_THAT(VerifyExport(empty, keys),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("line 1")));
  std::istringstream broken(Export(MakeChain(keys, 1)) + "{\"seq\":2}\n");
  EXPECT_THAT(VerifyExport(broken, keys),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("line 3")));
  for (const char* line : {"", "[]", "{", "nul", "{\"seq\":\"1\"}", "{\"seq\":1.5}"}) {
    EXPECT_THAT(ParseEntryLine(line), StatusIs(absl::StatusCode::kInvalidArgument)) << line;
  }
}

TEST(ExportTest, TextThatIsNotUtf8IsReported) {
  AuditEntry entry = SampleEntry(1);
  entry.after = "\xff";
  EXPECT_THAT(ExportEntryLine(entry), StatusIs(absl::StatusCode::kDataLoss));
}

}  // namespace
}  // namespace z4j::scheduler
