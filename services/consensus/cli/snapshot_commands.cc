#include <cstdio>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/cli/cluster_client.h"
#include "services/consensus/cli/commands.h"
#include "services/consensus/cli/text.h"
#include "services/consensus/server/restore.h"
#include "services/consensus/storage/backup.h"

namespace z4j::consensus {
namespace {

struct SaveVerb {
  ClusterOptions options;
  std::string file;
};

struct RestoreVerb {
  std::string file, data_dir, members, cluster_name = "z4j";
  uint64_t node = 1, epoch = 0;
};

absl::Status Save(const SaveVerb& verb) {
  ASSIGN_OR_RETURN(const auto cluster, ClusterClient::Create(verb.options));
  std::string bytes;
  RETURN_IF_ERROR(cluster->AskAny([&](ClusterClient::Stub& stub, grpc::ClientContext* context) {
    bytes.clear();
    const auto stream = stub.SaveSnapshot(context, v1::SaveSnapshotRequest());
    for (v1::SaveSnapshotResponse piece; stream->Read(&piece);) bytes += piece.data();
    return stream->Finish();
  }));
  // Before it is called a backup: what arrived is whole, and can be restored.
  ASSIGN_OR_RETURN(const Backup backup, DecodeBackup(bytes));
  const std::string partial = verb.file + ".partial";
  std::ofstream out(partial, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  out.close();
  if (!out || std::rename(partial.c_str(), verb.file.c_str()) != 0) {
    return FieldError("file", absl::StrCat("cannot write ", verb.file));
  }
  std::printf("%s: %zu bytes, the state after entry %llu of term %llu\n", verb.file.c_str(),
              bytes.size(), static_cast<unsigned long long>(backup.meta.index.value),
              static_cast<unsigned long long>(backup.meta.term.value));
  return absl::OkStatus();
}

absl::Status Restore(const RestoreVerb& verb) {
  std::ifstream file(verb.file, std::ios::binary);
  std::stringstream bytes;
  bytes << file.rdbuf();
  if (!file) return absl::NotFoundError(absl::StrCat("cannot read ", verb.file));
  RestoreOptions options;
  options.id = NodeId{verb.node};
  options.data_dir = verb.data_dir;
  options.cluster_name = verb.cluster_name;
  const absl::StatusOr<Members> members = ParseMembers(verb.members);
  if (!members.ok()) return FieldError("--initial-cluster", members.status().message());
  options.members = *members;
  if (verb.epoch != 0) options.epoch = Epoch{verb.epoch};
  ASSIGN_OR_RETURN(const Restored restored, RestoreDataDirectory(options, bytes.str()));
  std::printf(
      "%s: node %llu of the new cluster %s, epoch %llu.  Start it:\n"
      "  z4j-consensus serve --node-id %llu --data-dir %s --listen %s\n",
      verb.data_dir.c_str(), static_cast<unsigned long long>(verb.node),
      NumberText(restored.cluster.value).c_str(),
      static_cast<unsigned long long>(restored.epoch.value),
      static_cast<unsigned long long>(verb.node), verb.data_dir.c_str(),
      options.members.at(options.id).c_str());
  return absl::OkStatus();
}

void AddSave(CLI::App& group, int& exit_code) {
  const auto verb = std::make_shared<SaveVerb>();
  CLI::App* save = group.add_subcommand("save", "Writes the state of one node into a file");
  AddClusterOptions(*save, verb->options);
  save->add_option("file", verb->file, "Where to")->required();
  save->callback([=, &exit_code] { exit_code = Finish([&] { return Save(*verb); }); });
}

void AddRestore(CLI::App& group, int& exit_code) {
  const auto verb = std::make_shared<RestoreVerb>();
  CLI::App* restore =
      group.add_subcommand("restore", "Makes a node's folder for a new cluster out of such a file");
  restore->add_option("file", verb->file, "What `snapshot save` wrote")->required();
  restore->add_option("--node-id", verb->node, "Number of the node")->required();
  restore
      ->add_option("--initial-cluster", verb->members,
                   "All members of the new cluster: 1=host:port,2=host:port,3=host:port")
      ->required();
  restore->add_option("--data-dir", verb->data_dir, "Folder to make; must not be there")
      ->required();
  restore->add_option("--cluster-name", verb->cluster_name, "Name of the new cluster")
      ->capture_default_str();
  restore->add_option("--epoch", verb->epoch,
                      "Above all epochs used before [the one after the backup's]; give it if a "
                      "cluster was restored from this backup before");
  restore->footer(
      "Run it once for each member, with the same file and members.  Tokens and revisions of the\n"
      "new cluster are greater than all before.");
  restore->callback([=, &exit_code] { exit_code = Finish([&] { return Restore(*verb); }); });
}

}  // namespace

void AddSnapshotCommands(CLI::App& app, int& exit_code) {
  CLI::App* group = app.add_subcommand("snapshot", "Backs the state up, makes a cluster of it");
  group->require_subcommand(1);
  AddSave(*group, exit_code);
  AddRestore(*group, exit_code);
}

}  // namespace z4j::consensus
