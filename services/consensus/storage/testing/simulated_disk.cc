#include "services/consensus/storage/testing/simulated_disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/status_macros.h"

namespace z4j::consensus {
namespace {

void CopySector(const std::string& from, uint64_t sector, std::string& to) {
  const uint64_t begin = sector * kSectorBytes;
  if (begin >= to.size()) return;
  const size_t size = std::min<uint64_t>(kSectorBytes, to.size() - begin);
  std::string bytes = begin < from.size() ? from.substr(begin, size) : "";
  bytes.resize(size, '\0');
  to.replace(begin, size, bytes);
}

}  // namespace

class SimulatedFile : public File {
 public:
  SimulatedFile(SimulatedDisk& disk, std::shared_ptr<SimulatedDisk::Node> node, std::string name)
      : disk_(disk),
        node_(std::move(node)),
        name_(std::move(name)),
        generation_(disk.generation_) {}

  absl::StatusOr<std::string> Read(uint64_t offset, size_t size) override {
    RETURN_IF_ERROR(CheckAlive());
    if (offset >= node_->visible.size()) return std::string();
    return node_->visible.substr(offset, size);
  }

  absl::Status Write(uint64_t offset, std::string_view bytes) override {
    RETURN_IF_ERROR(CheckAlive());
    ++disk_.counts_.writes;
    const absl::Status cut = disk_.CountOperation();
    if (!cut.ok()) {
      // The machine dies in the midst of it.  Only what needs no new block has a place yet.
      const uint64_t size = node_->visible.size();
      Put(offset,
          bytes.substr(0, std::min<uint64_t>(bytes.size() / 2, size > offset ? size - offset : 0)));
      return cut;
    }
    const uint64_t free = disk_.Free();
    const uint64_t fits = node_->visible.size() + free;
    if (offset + bytes.size() > fits) {
      if (offset < fits) Put(offset, bytes.substr(0, fits - offset));
      return absl::ResourceExhaustedError(absl::StrCat("write ", name_, ": the disk is full"));
    }
    Put(offset, bytes);
    return absl::OkStatus();
  }

  absl::Status Sync() override {
    RETURN_IF_ERROR(CheckAlive());
    ++disk_.counts_.syncs;
    if (disk_.options_.on_sync) disk_.options_.on_sync(name_);
    RETURN_IF_ERROR(disk_.CountOperation());
    if (std::exchange(disk_.fail_next_sync_, false)) {
      node_->dirty.clear();
      return absl::DataLossError(absl::StrCat("fdatasync ", name_, ": input/output error"));
    }
    node_->durable.resize(node_->visible.size());
    for (const uint64_t sector : node_->dirty) CopySector(node_->visible, sector, node_->durable);
    node_->dirty.clear();
    return absl::OkStatus();
  }

  absl::Status Truncate(uint64_t size) override {
    RETURN_IF_ERROR(CheckAlive());
    RETURN_IF_ERROR(disk_.CountOperation());
    const uint64_t before = node_->visible.size();
    if (size > before && size - before > disk_.Free()) {
      return absl::ResourceExhaustedError(absl::StrCat("truncate ", name_, ": the disk is full"));
    }
    node_->visible.resize(size);
    const uint64_t end = (std::max(before, size) + kSectorBytes - 1) / kSectorBytes;
    for (uint64_t s = std::min(before, size) / kSectorBytes; s < end; ++s) node_->dirty.insert(s);
    return absl::OkStatus();
  }

  absl::StatusOr<uint64_t> Size() override {
    RETURN_IF_ERROR(CheckAlive());
    return node_->visible.size();
  }

 private:
  absl::Status CheckAlive() const {
    if (generation_ == disk_.generation_) return absl::OkStatus();
    return absl::UnavailableError(absl::StrCat(name_, " was opened before the crash"));
  }

  void Put(uint64_t offset, std::string_view bytes) {
    if (bytes.empty()) return;
    std::string& visible = node_->visible;
    const uint64_t end = offset + bytes.size();
    const uint64_t first = std::min<uint64_t>(offset, visible.size());
    if (visible.size() < end) visible.resize(end);
    visible.replace(offset, bytes.size(), bytes);
    for (uint64_t s = first / kSectorBytes; s <= (end - 1) / kSectorBytes; ++s) {
      node_->dirty.insert(s);
    }
  }

  SimulatedDisk& disk_;
  const std::shared_ptr<SimulatedDisk::Node> node_;
  const std::string name_;
  const uint64_t generation_;
};

absl::StatusOr<std::unique_ptr<File>> SimulatedDisk::Open(const std::string& name, bool create) {
  auto it = names_.find(name);
  if (it == names_.end()) {
    if (!create) return absl::NotFoundError(absl::StrCat("there is no file ", name));
    RETURN_IF_ERROR(CountOperation());
    changes_.push_back({.node = std::make_shared<Node>(), .from = "", .to = name});
    Apply(changes_.back(), names_);
    it = names_.find(name);
  }
  return std::make_unique<SimulatedFile>(*this, it->second, name);
}

absl::StatusOr<std::vector<std::string>> SimulatedDisk::List() {
  std::vector<std::string> names;
  for (const auto& [name, node] : names_) names.push_back(name);
  return names;
}

absl::Status SimulatedDisk::Rename(const std::string& from, const std::string& to) {
  RETURN_IF_ERROR(CountOperation());
  if (!names_.contains(from)) return absl::NotFoundError(absl::StrCat("there is no file ", from));
  changes_.push_back({.node = nullptr, .from = from, .to = to});
  Apply(changes_.back(), names_);
  return absl::OkStatus();
}

absl::Status SimulatedDisk::Remove(const std::string& name) {
  RETURN_IF_ERROR(CountOperation());
  if (!names_.contains(name)) return absl::NotFoundError(absl::StrCat("there is no file ", name));
  changes_.push_back({.node = nullptr, .from = name, .to = std::nullopt});
  Apply(changes_.back(), names_);
  return absl::OkStatus();
}

absl::Status SimulatedDisk::SyncDirectory() {
  ++counts_.directory_syncs;
  if (options_.on_sync) options_.on_sync("");
  RETURN_IF_ERROR(CountOperation());
  durable_names_ = names_;
  changes_.clear();
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> SimulatedDisk::FreeBytes() { return Free(); }

void SimulatedDisk::Apply(const Change& change, Names& names) {
  if (change.node != nullptr) {
    names[*change.to] = change.node;
    return;
  }
  const auto it = names.find(change.from);
  if (it == names.end()) return;  // Its creation was lost; so is this.
  if (change.to.has_value()) names[*change.to] = it->second;
  if (change.to != change.from) names.erase(change.from);
}

void SimulatedDisk::CrashNode(Node& node, const RandomBits& random) {
  std::string after = node.durable;
  const uint64_t longer = std::max(node.visible.size(), node.durable.size());
  const uint64_t shorter = std::min(node.visible.size(), node.durable.size());
  switch (random() % 3) {
    case 0:
      after.resize(node.visible.size());
      break;
    case 1:
      break;  // The old size.
    default:
      after.resize(shorter + (longer == shorter ? 0 : random() % (longer - shorter)));
  }
  // All survive, none, each with even chance, or all but few: the shapes find different bugs.
  const uint64_t shape = random() % 4;
  for (const uint64_t sector : node.dirty) {
    const uint64_t draw = random();
    const bool kept = shape == 0 || (shape == 2 && draw % 2 == 0) || (shape == 3 && draw % 8 != 0);
    if (kept) CopySector(node.visible, sector, after);
  }
  node.visible = node.durable = std::move(after);
  node.dirty.clear();
}

void SimulatedDisk::Crash(const RandomBits& random) {
  Names names = durable_names_;
  const bool in_order = random() % 2 == 0;
  const uint64_t kept = random() % (changes_.size() + 1);
  for (size_t i = 0; i < changes_.size(); ++i) {
    if (in_order ? i < kept : random() % 2 == 0) Apply(changes_[i], names);
  }
  std::set<Node*> done;  // A node may have two names; each loses its sectors once.
  for (const auto& [name, node] : names) {
    if (done.insert(node.get()).second) CrashNode(*node, random);
  }
  names_ = durable_names_ = std::move(names);
  Restart();
  changes_.clear();
}

void SimulatedDisk::Restart() {
  ++generation_;
  operations_left_.reset();
  fail_next_sync_ = false;
}

void SimulatedDisk::DropCaches() {
  for (const auto& [name, node] : names_) {
    std::string stored = node->durable;
    stored.resize(node->visible.size());
    for (const uint64_t sector : node->dirty) CopySector(node->visible, sector, stored);
    node->visible = std::move(stored);
  }
}

void SimulatedDisk::Flip(const std::string& name, uint64_t offset, uint8_t mask) {
  Node& node = *names_.at(name);
  for (std::string* bytes : {&node.visible, &node.durable}) {
    if (offset < bytes->size()) (*bytes)[offset] = static_cast<char>((*bytes)[offset] ^ mask);
  }
}

void SimulatedDisk::Rot(const std::string& name, uint64_t from, uint64_t to, int bytes,
                        const RandomBits& random) {
  for (int i = 0; i < bytes; ++i) {
    const uint64_t at = from + random() % (to - from);
    Flip(name, at, static_cast<uint8_t>(1 + random() % 255));
  }
}

std::string SimulatedDisk::Contents(const std::string& name) const {
  const auto it = names_.find(name);
  return it == names_.end() ? "" : it->second->visible;
}

std::unique_ptr<SimulatedDisk> SimulatedDisk::Clone() const {
  auto copy = std::make_unique<SimulatedDisk>(options_);
  std::map<const Node*, std::shared_ptr<Node>> nodes;
  const auto twin = [&](const std::shared_ptr<Node>& node) -> std::shared_ptr<Node> {
    if (node == nullptr) return nullptr;
    std::shared_ptr<Node>& made = nodes[node.get()];
    if (made == nullptr) made = std::make_shared<Node>(*node);
    return made;
  };
  for (const auto& [name, node] : names_) copy->names_[name] = twin(node);
  for (const auto& [name, node] : durable_names_) copy->durable_names_[name] = twin(node);
  for (const Change& change : changes_) {
    copy->changes_.push_back({.node = twin(change.node), .from = change.from, .to = change.to});
  }
  return copy;
}

absl::Status SimulatedDisk::CountOperation() {
  if (!operations_left_.has_value()) return absl::OkStatus();
  if (*operations_left_ == 0) return absl::UnavailableError("the machine is about to die");
  --*operations_left_;
  return absl::OkStatus();
}

uint64_t SimulatedDisk::Free() const {
  std::set<const Node*> counted;
  uint64_t used = 0;
  for (const auto& [name, node] : names_) {
    if (counted.insert(node.get()).second) used += node->visible.size();
  }
  return options_.capacity_bytes - std::min(used, options_.capacity_bytes);
}

}  // namespace z4j::consensus
