#include "services/base/cli/output.h"

#include <google/protobuf/util/json_util.h>

#include <algorithm>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_join.h"
#include "services/base/cli/yaml.h"

namespace z4j {

using nlohmann::json;

void PrintValue(const OutputOptions& options, const json& value) {
  if (options.output == "yaml") {
    std::cout << ToYaml(value);
  } else {
    std::cout << value.dump(2) << "\n";
  }
}

void PrintTable(const Row& header, const std::vector<Row>& rows) {
  std::vector<size_t> widths(header.size());
  for (size_t i = 0; i < header.size(); ++i) {
    widths[i] = header[i].size();
    for (const Row& row : rows) widths[i] = std::max(widths[i], row[i].size());
  }
  const auto print = [&](const Row& row) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line += std::string(widths[i] - row[i].size() + 2, ' ');
    }
    std::cout << line << "\n";
  };
  print(header);
  for (const Row& row : rows) print(row);
}

std::string ToJson(const google::protobuf::Message& message) {
  std::string text;
  // Our messages hold nothing that has no JSON form.
  (void)google::protobuf::util::MessageToJsonString(message, &text);
  return text;
}

void PrintOne(const OutputOptions& options, const google::protobuf::Message& message,
              const Row& header, const std::vector<Row>& rows) {
  if (options.output == "table") return PrintTable(header, rows);
  PrintValue(options, json::parse(ToJson(message)));
}

void PrintMany(const OutputOptions& options,
               const std::vector<const google::protobuf::Message*>& messages, const Row& header,
               const std::vector<Row>& rows) {
  if (options.output == "table") return PrintTable(header, rows);
  json list = json::array();
  for (const auto* message : messages) list.push_back(json::parse(ToJson(*message)));
  PrintValue(options, list);
}

void PrintEvent(const OutputOptions& options, const google::protobuf::Message& message,
                const Row& row) {
  if (options.output == "table") {
    std::cout << absl::StrJoin(row, "  ") << std::endl;
  } else if (options.output == "json") {
    std::cout << ToJson(message) << std::endl;
  } else {
    std::cout << "---\n";
    PrintValue(options, json::parse(ToJson(message)));
    std::cout.flush();
  }
}

}  // namespace z4j
