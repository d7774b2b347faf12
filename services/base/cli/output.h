#ifndef Z4J_BASE_CLI_OUTPUT_H_
#define Z4J_BASE_CLI_OUTPUT_H_

#include <google/protobuf/message.h>

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

// How answers are printed: data to stdout, nothing else there.
namespace z4j {

struct OutputOptions {
  std::string output = "table";  // "table", "json" or "yaml".
};

using Row = std::vector<std::string>;

// Prints `message` as JSON (the proto's JSON form, as REST has it) or YAML; as a table, `rows`
// under `header`.
void PrintOne(const OutputOptions& options, const google::protobuf::Message& message,
              const Row& header, const std::vector<Row>& rows);

// Prints `messages` as one JSON array or YAML list; as a table, one row each.
void PrintMany(const OutputOptions& options,
               const std::vector<const google::protobuf::Message*>& messages, const Row& header,
               const std::vector<Row>& rows);

// Prints `value` as JSON or YAML; not for tables.
void PrintValue(const OutputOptions& options, const nlohmann::json& value);

// Prints `rows` under `header`, in columns.
void PrintTable(const Row& header, const std::vector<Row>& rows);

// One event of a watch: a line of JSON, a YAML document, or `row` separated by tabs.
void PrintEvent(const OutputOptions& options, const google::protobuf::Message& message,
                const Row& row);

// One line of JSON.
std::string ToJson(const google::protobuf::Message& message);

}  // namespace z4j

#endif  // Z4J_BASE_CLI_OUTPUT_H_
