// How many entries a second the write-ahead log makes durable on this machine's disk, one sync per
// batch:   wal_bench [directory on the disk to measure] [seconds for each batch size]
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "services/consensus/storage/posix_disk.h"
#include "services/consensus/storage/wal_storage.h"

namespace z4j::consensus {
namespace {

constexpr size_t kEntryBytes = 128;

[[noreturn]] void Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

void Measure(const std::string& directory, uint64_t batch, absl::Duration duration) {
  auto disk = OpenPosixDisk(directory);
  if (!disk.ok()) Fail(disk.status());
  const NodeIdentity identity = {{1}, {1}, {1}};
  if (absl::Status made = CreateStorage(**disk, identity, Config{}); !made.ok()) Fail(made);
  auto storage = OpenStorage(**disk, identity);
  if (!storage.ok()) Fail(storage.status());

  const Payload payload = MakePayload(std::string(kEntryBytes, 'e'));
  uint64_t next = 1;
  uint64_t appends = 0;
  const absl::Time begin = absl::Now();
  while (absl::Now() - begin < duration) {
    Write write;
    write.must_sync = true;
    for (uint64_t i = 0; i < batch; ++i) {
      write.entries.push_back(
          {.term = {1}, .index = {next++}, .kind = EntryKind::kCommand, .data = payload});
    }
    if (absl::Status status = (*storage)->Append({write}); !status.ok()) Fail(status);
    ++appends;
  }
  const double seconds = absl::ToDoubleSeconds(absl::Now() - begin);
  std::printf("batch %5lu: %9.0f appends/s %11.0f entries/s %8.1f us/append\n",
              static_cast<unsigned long>(batch), static_cast<double>(appends) / seconds,
              static_cast<double>(appends * batch) / seconds,
              1e6 * seconds / static_cast<double>(appends));
}

}  // namespace
}  // namespace z4j::consensus

int main(int argc, char** argv) {
  std::string parent = std::string(argc > 1 ? argv[1] : ".") + "/wal-bench-XXXXXX";
  const absl::Duration duration = absl::Seconds(argc > 2 ? std::atof(argv[2]) : 3);
  if (mkdtemp(parent.data()) == nullptr) {
    std::perror(parent.c_str());
    return 1;
  }
  for (const uint64_t batch : {1, 64, 1024}) {
    const std::string directory = parent + "/" + std::to_string(batch);
    z4j::consensus::Measure(directory, batch, duration);
    std::filesystem::remove_all(directory);
  }
  std::filesystem::remove_all(parent);
  return 0;
}
