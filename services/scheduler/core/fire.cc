#include "services/scheduler/core/fire.h"

#include <string>

namespace z4j::scheduler {
namespace {

// An arbitrary namespace, fixed for ever: it is part of every fire id.
constexpr Uuid kFireNamespace = {{0x8d, 0xa1, 0x0b, 0x2e, 0x6c, 0x4f, 0x5f, 0x0e, 0x9b, 0x37, 0x51,
                                  0xd6, 0x0a, 0x7e, 0x43, 0xc9}};

}  // namespace

FireId MakeFireId(const FireKey& key) {
  std::string name = key.schedule.value.ToBytes();
  const int64_t due_us = absl::ToUnixMicros(key.due_at);
  for (int shift = 56; shift >= 0; shift -= 8) name += static_cast<char>(due_us >> shift);
  if (!key.trigger.is_zero()) name += key.trigger.ToBytes();
  return {Uuid::FromName(kFireNamespace, name)};
}

}  // namespace z4j::scheduler
