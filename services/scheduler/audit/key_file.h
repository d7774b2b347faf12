#ifndef Z4J_SCHEDULER_AUDIT_KEY_FILE_H_
#define Z4J_SCHEDULER_AUDIT_KEY_FILE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/scheduler/audit/chain.h"

// Where the keys of the audit chain are kept: a text file, readable by its owner alone.
//
//   # Comments and blank lines are allowed.
//   k7f3a9c01:4be1…    The current key: an id of [A-Za-z0-9._-]{1,64}, a colon, 32 bytes or more
//   k02d4e8b7:90aa…    in hexadecimal.  Below it the older ones, with which entries are verified.
//
// To rotate: put a new line above all others and restart.  Never remove one that entries were
// written with.  No message of these functions holds a key.
namespace z4j::scheduler {

// INVALID_ARGUMENT, naming the line, if `text` is not as above.
absl::StatusOr<Keyring> ParseKeyFile(absl::string_view text);

// NOT_FOUND if there is no file, FAILED_PRECONDITION if others than its owner may read or write it
// or it cannot be read, INVALID_ARGUMENT as ParseKeyFile.
absl::StatusOr<Keyring> LoadKeyFile(const std::string& path);

// As LoadKeyFile, but makes a file with one random key, mode 0600 and durable, if there is none.
// The folder must exist.  Safe if several processes do it at once: all get the same key.
absl::StatusOr<Keyring> LoadOrCreateKeyFile(const std::string& path);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_AUDIT_KEY_FILE_H_
