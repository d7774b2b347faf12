#include "services/consensus/storage/snapshot_file.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"
#include "services/consensus/raft/mutants.h"
#include "services/consensus/storage/bytes.h"
#include "services/consensus/storage/file_io.h"

namespace z4j::consensus {

SnapshotFileWriter::SnapshotFileWriter(Disk& disk, const SnapshotHeader& header, Done done)
    : disk_(disk),
      header_(header),
      encoded_header_(EncodeSnapshotHeader(header)),
      done_(std::move(done)) {}

absl::StatusOr<std::unique_ptr<SnapshotFileWriter>> SnapshotFileWriter::Open(
    Disk& disk, const SnapshotHeader& header, Done done) {
  auto writer =
      std::unique_ptr<SnapshotFileWriter>(new SnapshotFileWriter(disk, header, std::move(done)));
  ASSIGN_OR_RETURN(writer->file_, disk.Open(PartName(header), /*create=*/true));
  RETURN_IF_ERROR(writer->Resume());
  return writer;
}

SnapshotFileWriter::~SnapshotFileWriter() {
  if (done_) done_(nullptr);
}

uint64_t SnapshotFileWriter::ChunkOffset(uint64_t number) const {
  return encoded_header_.size() + number * (kChunkHeaderBytes + header_.chunk_bytes);
}

absl::Status SnapshotFileWriter::Resume() {
  sha256_.Update(encoded_header_);
  ASSIGN_OR_RETURN(const std::string begin, file_->Read(0, encoded_header_.size()));
  if (begin != encoded_header_ || header_.source.empty()) {
    RETURN_IF_ERROR(file_->Truncate(0));
    return file_->Write(0, encoded_header_);
  }
  const uint32_t crc = GetAt<uint32_t>(begin, begin.size() - sizeof(uint32_t));
  while (true) {
    ASSIGN_OR_RETURN(const std::string bytes,
                     file_->Read(ChunkOffset(chunks_), kChunkHeaderBytes + header_.chunk_bytes));
    const std::optional<std::string_view> state = ParseChunk(crc, chunks_, bytes);
    if (!state.has_value() || state->size() != header_.chunk_bytes) break;
    sha256_.Update(*state);
    state_bytes_ += state->size();
    ++chunks_;
  }
  return file_->Truncate(ChunkOffset(chunks_));
}

absl::Status SnapshotFileWriter::Append(std::string_view bytes) {
  RETURN_IF_ERROR(failed_);
  rest_.append(bytes);
  size_t done = 0;
  for (; rest_.size() - done >= header_.chunk_bytes; done += header_.chunk_bytes) {
    RETURN_IF_ERROR(WriteChunk(std::string_view(rest_).substr(done, header_.chunk_bytes)));
  }
  rest_.erase(0, done);
  return absl::OkStatus();
}

absl::Status SnapshotFileWriter::WriteChunk(std::string_view state) {
  const uint32_t crc = GetAt<uint32_t>(encoded_header_, encoded_header_.size() - sizeof(uint32_t));
  const absl::Status status = file_->Write(ChunkOffset(chunks_), EncodeChunk(crc, chunks_, state));
  if (!status.ok()) return Failed(status);
  sha256_.Update(state);
  state_bytes_ += state.size();
  ++chunks_;
  return absl::OkStatus();
}

absl::Status SnapshotFileWriter::Commit() {
  RETURN_IF_ERROR(failed_);
  uint64_t end = ChunkOffset(chunks_);
  if (!rest_.empty()) {
    end += kChunkHeaderBytes + rest_.size();
    RETURN_IF_ERROR(WriteChunk(rest_));
    rest_.clear();
  }
  absl::Status status = file_->Write(end, EncodeSnapshotFooter(state_bytes_, sha256_.Finish()));
  if (status.ok() && !Broken(Rule::kSnapshotSyncedBeforeName)) status = file_->Sync();
  if (status.ok()) status = disk_.Rename(PartName(header_), SnapshotName(header_.meta));
  if (status.ok()) status = disk_.SyncDirectory();
  if (!status.ok()) return Failed(status);
  failed_ = absl::FailedPreconditionError("the snapshot was committed");
  std::exchange(done_, nullptr)(&header_.meta);
  return absl::OkStatus();
}

absl::Status SnapshotFileWriter::Failed(const absl::Status& error) {
  failed_ = error;
  // On a full disk the room is needed more than the transfer's beginning.
  if (absl::IsResourceExhausted(error)) disk_.Remove(PartName(header_)).IgnoreError();
  return error;
}

absl::StatusOr<std::unique_ptr<SnapshotFileReader>> SnapshotFileReader::Open(
    Disk& disk, const std::string& name) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, disk.Open(name, /*create=*/false));
  auto reader = std::unique_ptr<SnapshotFileReader>(new SnapshotFileReader(std::move(file), name));
  if (absl::Status status = reader->ReadEnds(); !status.ok()) return AtFile(name, status);
  return reader;
}

absl::Status SnapshotFileReader::ReadEnds() {
  ASSIGN_OR_RETURN(encoded_header_, file_->Read(0, 512));
  if (encoded_header_.size() < 512) return absl::DataLossError("the header is cut off");
  // A long list of members needs more; how much is not trusted before the CRC was checked.
  const uint64_t header_bytes =
      std::min<uint64_t>(GetAt<uint32_t>(encoded_header_, 12), kSnapshotHeaderBytesMax);
  if (header_bytes > 512) {
    ASSIGN_OR_RETURN(encoded_header_, file_->Read(0, header_bytes));
  }
  ASSIGN_OR_RETURN(header_, ParseSnapshotHeader(encoded_header_));
  encoded_header_.resize(header_.bytes);
  ASSIGN_OR_RETURN(const uint64_t size, file_->Size());
  if (size < header_.bytes + kSnapshotFooterBytes) return absl::DataLossError("it is cut off");
  ASSIGN_OR_RETURN(const std::string end,
                   file_->Read(size - kSnapshotFooterBytes, kSnapshotFooterBytes));
  ASSIGN_OR_RETURN(footer_, ParseSnapshotFooter(end));
  const uint64_t chunk_bytes = header_.header.chunk_bytes;
  const uint64_t chunks = (footer_.state_bytes + chunk_bytes - 1) / chunk_bytes;
  if (size !=
      header_.bytes + chunks * kChunkHeaderBytes + footer_.state_bytes + kSnapshotFooterBytes) {
    return absl::DataLossError("its size is wrong");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SnapshotFileReader::ReadChunk(uint64_t number) {
  const uint64_t chunk_bytes = header_.header.chunk_bytes;
  const uint64_t wanted =
      std::min<uint64_t>(chunk_bytes, footer_.state_bytes - number * chunk_bytes);
  ASSIGN_OR_RETURN(std::string bytes,
                   file_->Read(header_.bytes + number * (kChunkHeaderBytes + chunk_bytes),
                               kChunkHeaderBytes + wanted));
  const std::optional<std::string_view> state = ParseChunk(header_.crc, number, bytes);
  if (!state.has_value() || state->size() != wanted) {
    return absl::DataLossError(absl::StrCat(name_, ": chunk ", number, " is wrong"));
  }
  return bytes.substr(kChunkHeaderBytes);
}

absl::StatusOr<std::string> SnapshotFileReader::Read(uint64_t offset, size_t size) {
  std::string state;
  const uint64_t chunk_bytes = header_.header.chunk_bytes;
  while (state.size() < size && offset < footer_.state_bytes) {
    ASSIGN_OR_RETURN(const std::string chunk, ReadChunk(offset / chunk_bytes));
    const std::string_view part =
        std::string_view(chunk).substr(offset % chunk_bytes, size - state.size());
    state += part;
    offset += part.size();
  }
  return state;
}

absl::Status SnapshotFileReader::Verify() {
  Sha256 sha256;
  sha256.Update(encoded_header_);
  const uint64_t chunk_bytes = header_.header.chunk_bytes;
  for (uint64_t at = 0; at < footer_.state_bytes; at += chunk_bytes) {
    ASSIGN_OR_RETURN(const std::string chunk, ReadChunk(at / chunk_bytes));
    sha256.Update(chunk);
  }
  if (sha256.Finish() != footer_.sha256) {
    return absl::DataLossError(absl::StrCat(name_, ": the SHA-256 of the whole is wrong"));
  }
  return absl::OkStatus();
}

}  // namespace z4j::consensus
