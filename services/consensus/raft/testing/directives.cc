#include "services/consensus/raft/testing/directives.h"

#include <sstream>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace z4j::consensus {
namespace {

// "7 cfg=(1, 2) idx=(_,7)" after the command's name.
void ParseArguments(const std::string& text, Directive& directive) {
  size_t at = 0;
  while ((at = text.find_first_not_of(' ', at)) != std::string::npos) {
    const size_t end = text.find(' ', at);
    const size_t equals = text.find('=', at);
    if (equals == std::string::npos || equals > end) {
      directive.words.push_back(text.substr(at, end - at));
      at = end;
      continue;
    }
    const std::string key = text.substr(at, equals - at);
    const bool list = text[equals + 1] == '(';
    const size_t begin = equals + (list ? 2 : 1);
    at = text.find(list ? ')' : ' ', begin);
    std::vector<std::string>& values = directive.arguments[key];
    for (absl::string_view value : absl::StrSplit(text.substr(begin, at - begin), ',')) {
      value = absl::StripAsciiWhitespace(value);
      if (!value.empty()) values.emplace_back(value);
    }
    if (at == std::string::npos) return;
    ++at;
  }
}

}  // namespace

std::vector<Directive> ParseDirectives(const std::string& text) {
  std::vector<Directive> directives;
  std::istringstream lines(text);
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (line.empty() || line[0] == '#') continue;
    Directive directive;
    directive.line = number;
    const size_t space = line.find(' ');
    directive.command = line.substr(0, space);
    if (space != std::string::npos) ParseArguments(line.substr(space), directive);
    for (; std::getline(lines, line) && line != "----"; ++number) directive.input += line + "\n";
    ++number;
    for (; std::getline(lines, line) && !line.empty(); ++number) directive.expected += line + "\n";
    ++number;
    directives.push_back(std::move(directive));
  }
  return directives;
}

}  // namespace z4j::consensus
