#include <cstdio>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "services/base/cli/output.h"
#include "services/base/status_macros.h"
#include "services/consensus/cli/commands.h"
#include "services/consensus/cli/text.h"
#include "services/consensus/storage/posix_disk.h"
#include "services/consensus/storage/wal_reader.h"

// What stands in the directory of a node that does not run.  Nothing is written or repaired.
namespace z4j::consensus {
namespace {

using nlohmann::json;

struct LogVerb {
  std::string data_dir;
  OutputOptions options;
};

absl::StatusOr<std::unique_ptr<Disk>> OpenExisting(const std::string& directory) {
  std::error_code error;
  if (!std::filesystem::is_directory(directory, error)) {
    return absl::NotFoundError(absl::StrCat("there is no folder ", directory));
  }
  return OpenPosixDisk(directory);
}

absl::Status Dump(const LogVerb& verb) {
  ASSIGN_OR_RETURN(const auto disk, OpenExisting(verb.data_dir));
  return DumpLog(*disk, [&](const DumpedRecord& dumped) {
    const std::string text =
        absl::StrCat(RecordText(dumped.record), dumped.stray ? " (not in the chain)" : "");
    if (verb.options.output == "table") {
      std::printf("%s %10llu  %8llu  %s\n", std::string(dumped.file).c_str(),
                  static_cast<unsigned long long>(dumped.offset),
                  static_cast<unsigned long long>(dumped.record.seq), text.c_str());
      return;
    }
    const json line = {{"file", std::string(dumped.file)},
                       {"offset", dumped.offset},
                       {"record", dumped.record.seq},
                       {"term", dumped.record.term.value},
                       {"index", dumped.record.index.value},
                       {"inChain", !dumped.stray},
                       {"text", text}};
    std::printf("%s\n", line.dump().c_str());
  });
}

// DATA_LOSS, after the report, if something that was confirmed is gone.
absl::Status Verify(const LogVerb& verb) {
  ASSIGN_OR_RETURN(const auto disk, OpenExisting(verb.data_dir));
  ASSIGN_OR_RETURN(const StorageVerdict verdict, VerifyStorage(*disk));
  const NodeIdentity& identity = verdict.identity;
  if (verb.options.output == "table") {
    std::printf("cluster %s, node %llu, incarnation %s\n",
                NumberText(identity.cluster.value).c_str(),
                static_cast<unsigned long long>(identity.id.value),
                NumberText(identity.incarnation.value).c_str());
    for (const FileVerdict& file : verdict.files) {
      std::printf("%-7s %s: %s\n", file.wrong ? "WRONG" : "ok", file.file.c_str(),
                  file.text.c_str());
    }
  } else {
    json report = {{"clusterId", NumberText(identity.cluster.value)},
                   {"nodeId", identity.id.value},
                   {"incarnation", NumberText(identity.incarnation.value)},
                   {"damage", verdict.damage},
                   {"files", json::array()}};
    for (const FileVerdict& file : verdict.files) {
      report["files"].push_back({{"file", file.file}, {"text", file.text}, {"wrong", file.wrong}});
    }
    std::printf("%s\n", report.dump(2).c_str());
  }
  if (verdict.damage.empty()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(verdict.damage,
                   ".  Such a node neither votes nor campaigns: remove it, and add "
                   "it again with a new directory"));
}

void AddVerb(CLI::App& group, int& exit_code, const std::string& name, const std::string& help,
             absl::Status (*run)(const LogVerb&)) {
  const auto verb = std::make_shared<LogVerb>();
  CLI::App* command = group.add_subcommand(name, help);
  command->add_option("data-dir", verb->data_dir, "Folder of a node that does not run")->required();
  command->add_option("-o,--output", verb->options.output, "table or json")
      ->check(CLI::IsMember({"table", "json"}))
      ->capture_default_str();
  command->callback([=, &exit_code] { exit_code = Finish([&] { return run(*verb); }); });
}

}  // namespace

void AddLogCommands(CLI::App& app, int& exit_code) {
  CLI::App* group = app.add_subcommand("log", "Reads a node's folder, without changing it");
  group->require_subcommand(1);
  AddVerb(*group, exit_code, "dump", "Prints a line for each record of the log", Dump);
  AddVerb(*group, exit_code, "verify",
          "Checks every byte of log and snapshots; ends with 1 if something is lost", Verify);
}

}  // namespace z4j::consensus
