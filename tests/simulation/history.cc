#include "tests/simulation/history.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"

namespace z4j::simulation {

std::string ToJson(const History& history) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Operation& operation : history) {
    nlohmann::ordered_json object;
    object["client"] = operation.client;
    object["key"] = operation.key;
    object["call"] = operation.call;
    object["arguments"] = operation.arguments;
    object["result"] = nullptr;
    object["invoked"] = operation.invoked;
    object["returned"] = nullptr;
    if (operation.result.has_value()) {
      object["result"] = *operation.result;
      object["returned"] = operation.returned;
    }
    list.push_back(std::move(object));
  }
  // Bytes that are no UTF-8 are replaced rather than thrown about.
  return list.dump(1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

std::string Describe(const Operation& operation) {
  const std::string end =
      operation.result.has_value() ? absl::StrCat(operation.returned, "]") : "...";
  return absl::StrCat("client ", operation.client, ": ", operation.call, "(", operation.key,
                      operation.arguments.empty() ? "" : ", ",
                      absl::StrJoin(operation.arguments, ", "),
                      ") = ", operation.result.value_or("?"), " [", operation.invoked, ", ", end);
}

}  // namespace z4j::simulation
