#ifndef Z4J_SCHEDULER_DISPATCH_STREAM_CONVERT_H_
#define Z4J_SCHEDULER_DISPATCH_STREAM_CONVERT_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "services/scheduler/dispatch/adapter_link.h"
#include "z4j/scheduler/v1/adapter.pb.h"

// Between the messages of AdapterService and the dispatcher's values.  Pure.
namespace z4j::scheduler {

// What Hello declares, bounds checked: INVALID_ARGUMENT with field violations ("hello.engine").
absl::StatusOr<AdapterInfo> ToAdapterInfo(const v1::Hello& hello, absl::Time now);
AdapterCapabilities ToCapabilities(const v1::Capabilities& capabilities);

// A fire's key in 40 bytes: schedule id, due time in µs (big endian), trigger.
std::string EncodeFireRef(const FireKey& key);
// A key with a zero schedule if `ref` is not one of ours.
FireKey DecodeFireRef(const std::string& ref);

void SetTemplate(const TaskTemplate& task, v1::TaskTemplate* out);
void SetDispatch(const DispatchItem& item, v1::DispatchFire* out);

// INVALID_ARGUMENT if a fire id is not 16 bytes or a code is none.  `unknown_template`: whether a
// result says that the stream has not carried its template; such a fire is to be sent again.
absl::StatusOr<std::vector<DispatchResult>> ToResults(const v1::DispatchResults& results,
                                                      bool* unknown_template);
// Times that are absent or not representable become `now`.
absl::StatusOr<std::vector<Outcome>> ToOutcomes(const v1::Outcomes& outcomes, absl::Time now);

void SetQuestion(const AdapterQuestion& question, v1::ControlRequest* out);
// UNAVAILABLE with its error if it has one.
absl::StatusOr<AdapterAnswer> ToAnswer(const v1::ControlReply& reply);

}  // namespace z4j::scheduler

#endif  // Z4J_SCHEDULER_DISPATCH_STREAM_CONVERT_H_
