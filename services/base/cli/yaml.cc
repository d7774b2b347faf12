#include "services/base/cli/yaml.h"

#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <stdexcept>

#include "absl/strings/str_cat.h"

namespace z4j {
namespace {

using nlohmann::json;

constexpr int kDepthMax = 64;  // As JSON payloads.

void Emit(YAML::Emitter& out, const json& value) {
  if (value.is_object()) {
    out << YAML::BeginMap;
    for (const auto& [key, item] : value.items()) {
      out << YAML::Key << key << YAML::Value;
      Emit(out, item);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    out << YAML::BeginSeq;
    for (const json& item : value) Emit(out, item);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    // Quoted: "1" stays a string, and so does "no".
    out << YAML::DoubleQuoted << value.get<std::string>();
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    out << value.dump();
  }
}

[[noreturn]] void Throw(const YAML::Node& node, const std::string& why) {
  throw YAML::ParserException(node.Mark(), why);
}

json Read(const YAML::Node& node, int depth) {
  if (depth > kDepthMax) Throw(node, "it is nested too deeply");
  if (node.IsSequence()) {
    json list = json::array();
    for (const YAML::Node& item : node) list.push_back(Read(item, depth + 1));
    return list;
  }
  if (node.IsMap()) {
    json object = json::object();
    for (const auto& entry : node) {
      const std::string key = entry.first.as<std::string>();
      if (object.contains(key)) Throw(entry.first, absl::StrCat("'", key, "' stands twice"));
      object[key] = Read(entry.second, depth + 1);
    }
    return object;
  }
  if (!node.IsScalar()) return nullptr;
  if (node.Tag() != "?") return node.Scalar();  // Quoted.
  const json value = json::parse(node.Scalar(), nullptr, /*allow_exceptions=*/false);
  const bool is_plain = value.is_null() || value.is_boolean() || value.is_number();
  return is_plain ? value : json(node.Scalar());
}

}  // namespace

std::string ToYaml(const json& value) {
  YAML::Emitter out;
  Emit(out, value);
  return absl::StrCat(out.c_str(), "\n");
}

absl::StatusOr<json> ParseYaml(const std::string& text) {
  try {  // The library throws on everything.
    return Read(YAML::Load(text), 0);
  } catch (const YAML::Exception& error) {
    return absl::InvalidArgumentError(absl::StrCat("line ", error.mark.line + 1, ": ", error.msg));
  }
}

}  // namespace z4j
