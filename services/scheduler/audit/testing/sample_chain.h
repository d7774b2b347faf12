#ifndef Z4J_SCHEDULER_AUDIT_TESTING_SAMPLE_CHAIN_H_
#define Z4J_SCHEDULER_AUDIT_TESTING_SAMPLE_CHAIN_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/scheduler/audit/chain.h"

namespace z4j::scheduler {

inline Keyring SampleKeys(std::vector<std::string> ids = {"k1"}) {
  std::vector<std::pair<std::string, std::string>> keys;
  for (const std::string& id : ids) {
    keys.emplace_back(id, absl::StrCat(id, std::string(kAuditKeyBytesMin, 'x')));
  }
  return *Keyring::Create(std::move(keys));
}

// An entry with every field filled and not yet linked.
inline AuditEntry SampleEntry(int number) {
  AuditEntry entry;
  entry.at = absl::FromUnixMicros(1'700'000'000'000'000 + number);
  entry.actor = "cli:ann";
  entry.source = "127.0.0.1:5000";
  entry.action = "schedule.update";
  entry.resource = absl::StrCat("projects/default/schedules/s", number);
  entry.schedule = {Uuid{{1, 2, static_cast<uint8_t>(number)}}};
  entry.before = "{\"task\":\"a\"}";
  entry.after = "{\"task\":\"b\"}";
  entry.request_id = absl::StrCat("request ", number);
  return entry;
}

struct SampleChain {
  std::vector<AuditEntry> entries;
  AuditHead head;
};

// Appends `count` entries in one step.
inline void Grow(SampleChain& chain, const Keyring& keys, int count) {
  ChainMac mac(keys);
  std::vector<AuditEntry> added;
  for (int i = 0; i < count; ++i) {
    added.push_back(SampleEntry(static_cast<int>(chain.entries.size()) + i));
  }
  chain.head = *AppendToChain(mac, keys, chain.head, added);
  chain.entries.insert(chain.entries.end(), added.begin(), added.end());
}

inline SampleChain MakeChain(const Keyring& keys, int count) {
  SampleChain chain;
  Grow(chain, keys, count);
  return chain;
}

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_AUDIT_TESTING_SAMPLE_CHAIN_H_
