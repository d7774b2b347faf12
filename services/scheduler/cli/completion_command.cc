#include <algorithm>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/scheduler/cli/commands.h"

// Scripts for shell completion, made from the command tree itself so that they cannot go stale.
namespace z4j::scheduler {
namespace {

std::vector<std::string> WordsOf(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    words.push_back(verb->get_name());
  }
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) words.push_back("--" + name);
  }
  return words;
}

// "schedule create" → the words that may follow, for every command.
void Collect(const CLI::App& app, const std::string& path,
             const std::vector<std::string>& inherited,
             std::vector<std::pair<std::string, std::string>>& table) {
  std::vector<std::string> words = WordsOf(app);
  words.insert(words.end(), inherited.begin(), inherited.end());
  table.emplace_back(path, absl::StrJoin(words, " "));
  std::vector<std::string> options;
  for (const std::string& word : words) {
    if (word[0] == '-') options.push_back(word);
  }
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; })) {
    Collect(*verb, absl::StrCat(path, path.empty() ? "" : " ", verb->get_name()), options, table);
  }
}

void PrintBash(const std::vector<std::pair<std::string, std::string>>& table) {
  std::cout << "_z4j_scheduler() {\n  local path= word\n"
               "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
               "    [[ $word == -* ]] && break\n    path=\"${path:+$path }$word\"\n  done\n"
               "  local words=\n  case $path in\n";
  for (const auto& [path, words] : table) {
    std::cout << "    \"" << path << "\"" << (path.empty() ? "" : "*") << ") words=\"" << words
              << "\";;\n";
  }
  std::cout << "  esac\n"
               "  COMPREPLY=($(compgen -W \"$words\" -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}\n"
               "complete -o default -F _z4j_scheduler z4j-scheduler\n";
}

void PrintFish(const std::vector<std::pair<std::string, std::string>>& table) {
  for (const auto& [path, words] : table) {
    const std::string condition = path.empty() ? "__fish_use_subcommand"
                                               : absl::StrCat("string match -q 'z4j-scheduler ",
                                                              path, "*' -- (commandline -cp)");
    std::cout << "complete -c z4j-scheduler -n \"" << condition << "\" -a \"" << words << "\"\n";
  }
}

}  // namespace

void AddCompletionCommand(CLI::App& app, int& exit_code) {
  const auto shell = std::make_shared<std::string>();
  CLI::App* verb = app.add_subcommand("completion", "Prints a completion script for a shell");
  verb->add_option("shell", *shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer("Example:  source <(z4j-scheduler completion bash)");
  verb->callback([shell, &app, &exit_code] {
    std::vector<std::pair<std::string, std::string>> table;
    Collect(app, "", {}, table);
    // Longer paths first: the first pattern that matches decides.
    std::sort(table.begin(), table.end(),
              [](const auto& a, const auto& b) { return a.first.size() > b.first.size(); });
    if (*shell == "zsh") std::cout << "autoload -U +X bashcompinit && bashcompinit\n";
    if (*shell == "fish") {
      PrintFish(table);
    } else {
      PrintBash(table);
    }
    exit_code = kExitOk;
  });
}

}  // namespace z4j::scheduler
