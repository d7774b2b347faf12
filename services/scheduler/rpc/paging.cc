#include "services/scheduler/rpc/paging.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <algorithm>
#include <memory>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/uuid.h"
#include "services/scheduler/limits.h"

namespace z4j::scheduler {
namespace {

using google::protobuf::FieldDescriptor;

const FieldDescriptor* Field(const google::protobuf::Message& request, const char* name) {
  return request.GetDescriptor()->FindFieldByName(name);
}

// Sixteen bytes that differ when anything but size and token differs.
std::string Fingerprint(const google::protobuf::Message& request) {
  const std::unique_ptr<google::protobuf::Message> rest(request.New());
  rest->CopyFrom(request);
  rest->GetReflection()->ClearField(rest.get(), Field(request, "page_size"));
  rest->GetReflection()->ClearField(rest.get(), Field(request, "page_token"));
  std::string bytes = request.GetDescriptor()->full_name();
  {
    google::protobuf::io::StringOutputStream stream(&bytes);  // Appends.
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // Maps have no order of their own.
    rest->SerializeToCodedStream(&coded);
  }
  return Uuid::FromName(Uuid{}, bytes).ToBytes();
}

}  // namespace

absl::StatusOr<int> PageSize(int requested) {
  if (requested < 0) {
    return FieldError("page_size", absl::StrCat(requested, " is negative; write 0 for the default ",
                                                kPageSizeDefault, ", at most ", kPageSizeMax));
  }
  return requested == 0 ? kPageSizeDefault : std::min(requested, kPageSizeMax);
}

std::string MakePageToken(const google::protobuf::Message& request, const std::string& after) {
  return after.empty() ? "" : absl::WebSafeBase64Escape(Fingerprint(request) + after);
}

absl::StatusOr<std::string> ReadPageToken(const google::protobuf::Message& request) {
  const std::string token =
      request.GetReflection()->GetString(request, Field(request, "page_token"));
  if (token.empty()) return std::string();
  const std::string fingerprint = Fingerprint(request);
  std::string bytes;
  if (!absl::WebSafeBase64Unescape(token, &bytes) || !absl::StartsWith(bytes, fingerprint)) {
    return FieldError("page_token",
                      "belongs to another request; filter and order must stay as they were on the "
                      "first page");
  }
  return bytes.substr(fingerprint.size());
}

}  // namespace z4j::scheduler
