#include <fstream>
#include <iostream>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/cli/output.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/scheduler/audit/export.h"
#include "services/scheduler/audit/key_file.h"
#include "services/scheduler/cli/client.h"
#include "services/scheduler/cli/commands.h"
#include "services/scheduler/cli/values.h"
#include "z4j/scheduler/v1/audit.grpc.pb.h"

namespace z4j::scheduler {
namespace {

constexpr int kPageSize = 1000;

struct AuditVerbs {
  ClientOptions options;
  std::string resource, file, key_file;
  int limit = 50;
  int64_t after = 0;
};

// Reads up to `limit` entries (0: all there are at the first page) and the head of the chain.
absl::Status ReadEntries(AuditVerbs& verbs, int64_t limit, std::vector<v1::AuditEntry>& entries,
                         v1::AuditHead& head) {
  v1::ListAuditEntriesRequest request;
  request.set_after_sequence(verbs.after);
  request.set_resource(verbs.resource);
  ASSIGN_OR_RETURN(auto stub, StubOf<v1::AuditService>(verbs.options));
  do {
    request.set_page_size(limit == 0 ? kPageSize
                                     : std::min<int64_t>(kPageSize, limit - entries.size()));
    v1::ListAuditEntriesResponse response;
    RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
      return stub->ListAuditEntries(&context, request, &response);
    }));
    head = response.head();
    for (auto& entry : *response.mutable_entries()) entries.push_back(std::move(entry));
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty() && (limit == 0 || int64_t(entries.size()) < limit));
  return absl::OkStatus();
}

absl::Status List(AuditVerbs& verbs) {
  std::vector<v1::AuditEntry> entries;
  v1::AuditHead head;
  RETURN_IF_ERROR(ReadEntries(verbs, verbs.limit, entries, head));
  std::vector<const google::protobuf::Message*> messages;
  std::vector<Row> rows;
  for (const v1::AuditEntry& entry : entries) {
    messages.push_back(&entry);
    rows.push_back({absl::StrCat(entry.sequence()), TimeText(entry.time()), entry.actor(),
                    entry.source(), entry.action(), entry.resource()});
  }
  PrintMany(verbs.options, messages, {"SEQ", "TIME", "ACTOR", "FROM", "ACTION", "RESOURCE"}, rows);
  return absl::OkStatus();
}

AuditEntry FromProto(const v1::AuditEntry& proto) {
  AuditEntry entry;
  entry.seq = proto.sequence();
  entry.at = ToTime(proto.time());
  entry.actor = proto.actor();
  entry.source = proto.source();
  entry.action = proto.action();
  entry.resource = proto.resource();
  if (const auto id = Uuid::Parse(proto.schedule_uid()); id.ok()) entry.schedule = {*id};
  entry.before = proto.before_json();
  entry.after = proto.after_json();
  entry.request_id = proto.request_id();
  entry.key_id = proto.key_id();
  entry.previous_mac = proto.previous_mac();
  entry.mac = proto.mac();
  return entry;
}

// Writes the whole chain, head first; entries that come in meanwhile are left out.
absl::Status Export(AuditVerbs& verbs) {
  std::vector<v1::AuditEntry> entries;
  v1::AuditHead head;
  verbs.after = 0;
  verbs.resource.clear();
  RETURN_IF_ERROR(ReadEntries(verbs, 0, entries, head));
  std::ofstream file;
  if (!verbs.file.empty()) {
    file.open(verbs.file);
    if (!file) return FieldError("--file", absl::StrCat("cannot write '", verbs.file, "'"));
  }
  std::ostream& out = verbs.file.empty() ? std::cout : file;
  AuditHead end;
  end.seq = head.sequence();
  end.mac = head.mac();
  end.seal = head.seal();
  end.key_id = head.key_id();
  out << ExportHeadLine(end) << "\n";
  for (const v1::AuditEntry& entry : entries) {
    if (entry.sequence() > end.seq) break;
    ASSIGN_OR_RETURN(const std::string line, ExportEntryLine(FromProto(entry)));
    out << line << "\n";
  }
  out.flush();
  if (!out)
    return absl::ResourceExhaustedError("could not write the whole export; is the disk full?");
  std::cerr << "exported " << end.seq << " entries\n";
  return absl::OkStatus();
}

// The server verifies with its keys; an export is verified here, with the keys of --key-file.
absl::StatusOr<v1::VerifyAuditChainResponse> Verdict(AuditVerbs& verbs) {
  v1::VerifyAuditChainResponse response;
  if (verbs.file.empty()) {
    ASSIGN_OR_RETURN(auto stub, StubOf<v1::AuditService>(verbs.options));
    const v1::VerifyAuditChainRequest request;
    RETURN_IF_ERROR(Invoke(verbs.options, [&](grpc::ClientContext& context) {
      return stub->VerifyAuditChain(&context, request, &response);
    }));
    return response;
  }
  if (verbs.key_file.empty()) return FieldError("--key-file", "is needed to verify an export");
  ASSIGN_OR_RETURN(const Keyring keys, LoadKeyFile(verbs.key_file));
  std::ifstream lines(verbs.file);
  if (!lines) return FieldError("--file", absl::StrCat("cannot read '", verbs.file, "'"));
  ASSIGN_OR_RETURN(const AuditVerdict verdict, VerifyExport(lines, keys));
  response.set_valid(verdict.ok());
  response.set_verified_entries(verdict.entries);
  response.set_first_bad_sequence(verdict.seq);
  response.set_problem(verdict.message);
  return response;
}

absl::Status Verify(AuditVerbs& verbs) {
  ASSIGN_OR_RETURN(const v1::VerifyAuditChainResponse verdict, Verdict(verbs));
  PrintOne(verbs.options, verdict, {"VALID", "ENTRIES", "FIRST BAD", "PROBLEM"},
           {{verdict.valid() ? "yes" : "NO", absl::StrCat(verdict.verified_entries()),
             verdict.first_bad_sequence() == 0 ? "" : absl::StrCat(verdict.first_bad_sequence()),
             verdict.problem()}});
  if (verdict.valid()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("the audit chain is broken: ", verdict.problem()));
}

}  // namespace

void AddAuditCommands(CLI::App& app, int& exit_code) {
  const auto verbs = std::make_shared<AuditVerbs>();
  CLI::App& group = *app.add_subcommand("audit", "Read and verify the log of all changes");
  group.require_subcommand(1);
  group.footer(R"(Examples:
  z4j-scheduler audit list --resource projects/default/schedules/nightly
  z4j-scheduler audit verify
  z4j-scheduler audit export --file chain.jsonl
  z4j-scheduler audit verify --file chain.jsonl --key-file audit.keys
)");
  AddClientOptions(group, verbs->options);
  const auto add = [&](const char* name, const char* help, absl::Status (*run)(AuditVerbs&)) {
    CLI::App* verb = group.add_subcommand(name, help);
    verb->callback([verbs, run, &exit_code] { exit_code = Finish([&] { return run(*verbs); }); });
    return verb;
  };
  CLI::App* list = add("list", "Lists entries, oldest first", List);
  list->add_option("--resource", verbs->resource, "Only entries about this resource");
  list->add_option("--after", verbs->after, "Only entries with a greater sequence number");
  list->add_option("--limit", verbs->limit, "At most so many")->capture_default_str();
  CLI::App* write =
      add("export", "Writes the chain as JSON lines, to be verified elsewhere", Export);
  write->add_option("--file", verbs->file, "Where to; default: standard output");
  CLI::App* verify = add("verify", "Checks every link and names the first bad entry", Verify);
  verify->add_option("--file", verbs->file, "An export; default: ask the server");
  verify->add_option("--key-file", verbs->key_file, "Keys to verify an export with");
}

}  // namespace z4j::scheduler
