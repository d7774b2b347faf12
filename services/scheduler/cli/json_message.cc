#include "services/scheduler/cli/json_message.h"

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>
#include <google/protobuf/util/json_util.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "services/scheduler/rpc/convert.h"

namespace z4j::scheduler {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using Json = nlohmann::json;

// These return false for whatever is spelled in another way than usual: protobuf decides.
bool Fill(const Json& json, Message& message);

// "2026-11-22T05:00:00Z", also with a fraction.
bool FillTime(const Json& json, google::protobuf::Timestamp& out) {
  if (!json.is_string()) return false;
  const std::string& text = json.get_ref<const std::string&>();
  constexpr size_t kSecond = 17, kShortest = 20, kLongest = 30;
  if (text.size() < kShortest || text.size() > kLongest || text[10] != 'T' || text.back() != 'Z' ||
      text[kSecond] > '5') {
    return false;
  }
  absl::Time time;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, nullptr)) return false;
  SetTime(time, &out);
  return true;
}

// "3600s"
bool FillDuration(const Json& json, google::protobuf::Duration& out) {
  if (!json.is_string()) return false;
  absl::string_view text = json.get_ref<const std::string&>();
  uint32_t seconds = 0;
  if (!absl::ConsumeSuffix(&text, "s") || text.empty() || !absl::ascii_isdigit(text[0]) ||
      !absl::SimpleAtoi(text, &seconds)) {
    return false;
  }
  out.set_seconds(seconds);
  return true;
}

bool FillInner(const Json& json, Message& message) {
  if (auto* time = dynamic_cast<google::protobuf::Timestamp*>(&message)) {
    return FillTime(json, *time);
  }
  if (auto* duration = dynamic_cast<google::protobuf::Duration*>(&message)) {
    return FillDuration(json, *duration);
  }
  return !absl::StartsWith(message.GetDescriptor()->full_name(), "google.protobuf.") &&
         Fill(json, message);
}

bool FillMap(const Json& json, const FieldDescriptor& field, Message& message) {
  if (!json.is_object()) return false;
  for (const auto& [key, value] : json.items()) {
    Message* entry = message.GetReflection()->AddMessage(&message, &field);
    const google::protobuf::Descriptor& type = *entry->GetDescriptor();
    if (type.map_key()->type() != FieldDescriptor::TYPE_STRING ||
        type.map_value()->type() != FieldDescriptor::TYPE_STRING || !value.is_string()) {
      return false;
    }
    entry->GetReflection()->SetString(entry, type.map_key(), key);
    entry->GetReflection()->SetString(entry, type.map_value(), value.get<std::string>());
  }
  return true;
}

bool FillField(const Json& json, const FieldDescriptor& field, Message& message) {
  const google::protobuf::Reflection& fields = *message.GetReflection();
  if (field.is_map()) return FillMap(json, field, message);
  if (field.is_repeated()) return false;
  if (field.containing_oneof() != nullptr && fields.HasOneof(message, field.containing_oneof())) {
    return false;
  }
  switch (field.type()) {
    case FieldDescriptor::TYPE_STRING:
      if (!json.is_string()) return false;
      fields.SetString(&message, &field, json.get<std::string>());
      return true;
    case FieldDescriptor::TYPE_INT32: {
      constexpr int64_t kMax = 1'000'000;
      const int64_t number = json.is_number_unsigned() ? json.get<int64_t>() : kMax + 1;
      if (number < 0 || number > kMax) return false;
      fields.SetInt32(&message, &field, static_cast<int32_t>(number));
      return true;
    }
    case FieldDescriptor::TYPE_ENUM: {
      const auto* value =
          json.is_string() ? field.enum_type()->FindValueByName(json.get_ref<const std::string&>())
                           : nullptr;
      if (value != nullptr) fields.SetEnum(&message, &field, value);
      return value != nullptr;
    }
    case FieldDescriptor::TYPE_MESSAGE:
      return FillInner(json, *fields.MutableMessage(&message, &field));
    default:
      return false;
  }
}

bool Fill(const Json& json, Message& message) {
  if (!json.is_object()) return false;
  const google::protobuf::Descriptor& type = *message.GetDescriptor();
  for (const auto& [name, value] : json.items()) {
    const FieldDescriptor* field = type.FindFieldByCamelcaseName(name);
    if (field == nullptr || !FillField(value, *field, message)) return false;
  }
  return true;
}

}  // namespace

absl::Status ReadMessage(const Json& json, Message& message) {
  if (Fill(json, message)) return absl::OkStatus();
  message.Clear();
  const auto read = google::protobuf::util::JsonStringToMessage(json.dump(), &message);
  if (read.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(read.ToString());
}

}  // namespace z4j::scheduler
