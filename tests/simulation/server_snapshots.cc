#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/simulation/server.h"

namespace z4j::simulation {

void Server::Save(SnapshotToSave save) {
  world_.After(SyncTime() * 3, [this, life = life_, save = std::move(save)] {
    if (life != life_) return;
    auto write = [&]() -> absl::Status {
      auto writer = storage_->WriteSnapshot(save.meta, "");
      if (!writer.ok()) return writer.status();
      if (absl::Status status = (*writer)->Append(save.state); !status.ok()) return status;
      return (*writer)->Commit();
    };
    const absl::Status status = write();
    Do([meta = save.meta, ok = status.ok()](Replica& replica, MonoTime) {
      ok ? replica.SnapshotSaved(meta) : replica.SnapshotNotSaved();
    });
  });
}

void Server::SendSnapshot(Message message) {
  const NodeId peer = message.to;
  auto done = [this, life = life_, peer](bool delivered) {
    if (life != life_) return;
    Do([peer, delivered](Replica& replica, MonoTime now) {
      replica.SnapshotSent(now, peer, delivered);
    });
  };
  auto reader = storage_->NewestSnapshot();
  absl::StatusOr<std::string> bytes =
      reader.ok() ? (*reader)->Read(0, (*reader)->size()) : reader.status();
  if (!bytes.ok()) return world_.After(absl::Milliseconds(1), [done] { done(false); });
  // A newer one may have been saved since the core asked.
  std::get<InstallSnapshot>(message.body).meta = (*reader)->meta();
  outside_.send_snapshot(identity_.id, std::move(message), *std::move(bytes), done);
}

void Server::DeliverSnapshot(Message message, const std::string& bytes,
                             std::function<void(bool)> done) {
  if (!replica_ || paused() || damaged_) return done(false);
  const SnapshotMeta meta = std::get<InstallSnapshot>(message.body).meta;
  auto writer = storage_->WriteSnapshot(meta, absl::StrCat("node ", message.from.value));
  if (!writer.ok()) return done(false);
  absl::Status status = (*writer)->Append(std::string_view(bytes).substr((*writer)->size()));
  // Now and then the transfer breaks off; the next one goes on where it ended.
  if (status.ok() && world_.Chance(50)) status = absl::UnavailableError("broken off");
  if (status.ok()) status = (*writer)->Commit();
  writer->reset();
  done(status.ok());
  if (status.ok()) Deliver(std::move(message));
}

}  // namespace z4j::simulation
