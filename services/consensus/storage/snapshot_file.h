#ifndef Z4J_CONSENSUS_STORAGE_SNAPSHOT_FILE_H_
#define Z4J_CONSENSUS_STORAGE_SNAPSHOT_FILE_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/consensus/storage/disk.h"
#include "services/consensus/storage/log_storage.h"
#include "services/consensus/storage/snapshot_format.h"

namespace z4j::consensus {

// Writes the snapshot's file: built under PartName(), it gets SnapshotName() when it is whole.
// What Append() was given is on the disk in whole chunks, so that a writer for the same header goes
// on after the last whole one; without a source it begins anew.
class SnapshotFileWriter : public SnapshotWriter {
 public:
  // `done` is called once: with the committed meta, or without when the writer dies before.
  using Done = std::function<void(const SnapshotMeta* committed)>;

  static absl::StatusOr<std::unique_ptr<SnapshotFileWriter>> Open(Disk& disk,
                                                                  const SnapshotHeader& header,
                                                                  Done done);
  ~SnapshotFileWriter() override;

  uint64_t size() const override { return state_bytes_ + rest_.size(); }
  absl::Status Append(std::string_view bytes) override;
  absl::Status Commit() override;

 private:
  SnapshotFileWriter(Disk& disk, const SnapshotHeader& header, Done done);

  absl::Status Resume();
  absl::Status WriteChunk(std::string_view state);
  absl::Status Failed(const absl::Status& error);
  uint64_t ChunkOffset(uint64_t number) const;

  Disk& disk_;
  const SnapshotHeader header_;
  const std::string encoded_header_;
  Done done_;
  std::unique_ptr<File> file_;
  uint64_t chunks_ = 0;
  uint64_t state_bytes_ = 0;  // In chunks.
  std::string rest_;          // Not a whole chunk yet.
  Sha256 sha256_;
  absl::Status failed_;
};

class SnapshotFileReader : public SnapshotReader {
 public:
  // DATA_LOSS: header or end is wrong.  Chunks are checked as they are read.
  static absl::StatusOr<std::unique_ptr<SnapshotFileReader>> Open(Disk& disk,
                                                                  const std::string& name);

  const SnapshotMeta& meta() const override { return header_.header.meta; }
  uint64_t size() const override { return footer_.state_bytes; }
  absl::StatusOr<std::string> Read(uint64_t offset, size_t size) override;

  const SnapshotHeader& header() const { return header_.header; }
  // Reads all of it.  DATA_LOSS: a chunk, or the SHA-256 of the whole, is wrong.
  absl::Status Verify();

 private:
  SnapshotFileReader(std::unique_ptr<File> file, std::string name)
      : file_(std::move(file)), name_(std::move(name)) {}

  absl::Status ReadEnds();
  absl::StatusOr<std::string> ReadChunk(uint64_t number);

  std::unique_ptr<File> file_;
  const std::string name_;
  ParsedSnapshotHeader header_;
  std::string encoded_header_;
  SnapshotFooter footer_;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_STORAGE_SNAPSHOT_FILE_H_
