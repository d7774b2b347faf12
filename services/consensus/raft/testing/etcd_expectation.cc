#include "services/consensus/raft/testing/etcd_expectation.h"

#include <algorithm>
#include <sstream>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace z4j::consensus {
namespace {

uint64_t NumberOf(absl::string_view text) {
  uint64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : UINT64_MAX;
}

// "Term:1 Vote:2" → {Term: 1, Vote: 2}.
std::map<std::string, std::string> FieldsOf(const std::string& line) {
  std::map<std::string, std::string> fields;
  for (absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    const std::pair<std::string, std::string> field =
        absl::StrSplit(word, absl::MaxSplits(absl::ByAnyChar(":="), 1));
    fields[field.first] = field.second;
  }
  return fields;
}

// `1/12 EntryNormal "data"` → (12, "1 normal data"); none: no entry.
std::optional<std::pair<uint64_t, std::string>> EntryOf(const std::string& line) {
  const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 2));
  const std::vector<std::string> place = absl::StrSplit(words[0], '/');
  if (words.size() < 2 || place.size() != 2 || !absl::StartsWith(words[1], "Entry")) {
    return std::nullopt;
  }
  if (words[1] != "EntryNormal") return std::pair(NumberOf(place[1]), place[0] + " change");
  const std::string& data = words[2];  // In quotes.
  return std::pair(NumberOf(place[1]),
                   absl::StrCat(place[0], " normal ", data.substr(1, data.size() - 2)));
}

uint64_t TermOf(Term term) { return term.value - std::min(term.value, kTermsAhead); }

std::string TextOf(const Entry& entry) {
  const uint64_t term = TermOf(entry.term);
  if (entry.kind == EntryKind::kConfig) return absl::StrCat(term, " change");
  return absl::StrCat(term, " normal ", *entry.data);
}

std::string RoleOf(Role role) {
  const char* const names[] = {"StateFollower", "StatePreCandidate", "StateCandidate",
                               "StateLeader"};
  return names[static_cast<int>(role)];
}

std::string StateOf(PeerStatus::State state) {
  const char* const names[] = {"StateProbe", "StateReplicate", "StateSnapshot"};
  return names[static_cast<int>(state)];
}

class Comparison {
 public:
  template <typename T>
  void Field(absl::string_view name, const std::optional<T>& theirs, const T& ours) {
    if (!theirs.has_value() || *theirs == ours) return;
    lines.push_back(absl::StrCat(who, ": ", name, " ", ours, ", etcd has ", *theirs));
  }
  std::string who;
  std::vector<std::string> lines;
};

void CompareLog(const std::map<uint64_t, std::string>& theirs, const EtcdReplay::Node& node,
                Comparison& comparison) {
  std::map<uint64_t, std::string> ours;
  for (const Entry& entry : node.disk.entries) ours[entry.index.value] = TextOf(entry);
  const uint64_t begin = theirs.empty() ? UINT64_MAX : theirs.begin()->first;
  ours.erase(ours.begin(), ours.lower_bound(begin));  // What they have compacted is not compared.
  for (const auto& [index, text] : theirs) {
    if (index <= node.disk.snapshot.index.value && !ours.contains(index)) continue;  // Nor we.
    comparison.Field(absl::StrCat("entry ", index), std::optional<std::string>(text), ours[index]);
    ours.erase(index);
  }
  for (const auto& [index, text] : ours) {
    comparison.Field(absl::StrCat("entry ", index), std::optional<std::string>("none"), text);
  }
}

}  // namespace

void EtcdExpectation::Read(const Directive& directive) {
  if (directive.command == "log-level") quiet_ = directive.words[0] == "none";
  const auto level = directive.arguments.find("log-level");
  const bool hidden = quiet_ || (level != directive.arguments.end() && level->second[0] == "none");
  if (directive.command == "add-nodes") {
    for (uint64_t n = NumberOf(directive.words[0]); n > 0; --n) {
      EtcdNode& node = nodes_[nodes_.size() + 1];
      node = {0, 0, 0, 0, "StateFollower", std::map<uint64_t, std::string>()};
      const auto index = directive.arguments.find("index");
      if (index != directive.arguments.end()) node.commit = NumberOf(index->second[0]);
    }
    return;
  }
  const bool asks = directive.command == "raft-log" || directive.command == "raft-state" ||
                    directive.command == "status" || directive.command == "log-level";
  if (hidden && !asks) {
    for (auto& [id, node] : nodes_) node = {};
    return;
  }
  if (asks) return;
  current_ = directive.command == "process-ready" ? NumberOf(directive.words[0]) : 0;
  in_entries_ = false;
  std::istringstream lines(directive.expected);
  for (std::string line; std::getline(lines, line);) ReadLine(line);
}

void EtcdExpectation::ReadLine(const std::string& raw) {
  const std::string line(absl::StripAsciiWhitespace(raw));
  if (absl::StartsWith(line, "> ")) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    current_ = absl::StrContains(line, "handling Ready") ? NumberOf(words[1]) : 0;
    in_entries_ = false;
    return;
  }
  if (current_ == 0) return;
  EtcdNode& node = nodes_[current_];
  const auto entry = EntryOf(line);
  if (in_entries_ && entry.has_value() && node.log.has_value()) {
    node.log->erase(node.log->lower_bound(entry->first), node.log->end());
    node.log->insert(*entry);
  }
  if (entry.has_value()) return;
  in_entries_ = line == "Entries:";
  std::map<std::string, std::string> fields = FieldsOf(line);
  if (absl::StartsWith(line, "Lead:")) {
    node.lead = NumberOf(fields["Lead"]);
    node.role = fields["State"];
  } else if (absl::StartsWith(line, "HardState ")) {
    node.term = NumberOf(fields["Term"]);
    node.vote = fields.contains("Vote") ? NumberOf(fields["Vote"]) : 0;
    node.commit = NumberOf(fields["Commit"]);
  } else if (absl::StartsWith(line, "Snapshot Index:")) {
    node.log.emplace();
  }
}

std::vector<std::string> EtcdExpectation::Differences(const EtcdReplay& replay) const {
  Comparison comparison;
  for (const auto& [id, node] : replay.nodes()) {
    const auto found = nodes_.find(id.value);
    if (found == nodes_.end()) continue;
    const EtcdNode& theirs = found->second;
    const RaftStatus ours = node.raft->Status();
    comparison.who = absl::StrCat("node ", id.value);
    comparison.Field("term", theirs.term, TermOf(ours.soft.term));
    comparison.Field("vote", theirs.vote, node.disk.hard_state.vote.value);
    comparison.Field("commit", theirs.commit, ours.commit.value);
    comparison.Field("leader", theirs.lead, ours.soft.leader.value);
    comparison.Field("role", theirs.role, RoleOf(ours.soft.role));
    if (theirs.log.has_value()) CompareLog(*theirs.log, node, comparison);
  }
  return comparison.lines;
}

std::vector<std::string> EtcdExpectation::Differences(const Directive& directive,
                                                      const EtcdReplay& replay) const {
  Comparison comparison;
  if (directive.command == "raft-log" || directive.command == "compact") {
    std::map<uint64_t, std::string> theirs;
    for (absl::string_view line : absl::StrSplit(directive.expected, '\n')) {
      if (const auto entry = EntryOf(std::string(line))) theirs.insert(*entry);
    }
    const NodeId id{NumberOf(directive.words[0])};
    comparison.who = absl::StrCat("node ", id.value);
    CompareLog(theirs, replay.nodes().at(id), comparison);
  }
  const bool states = directive.command == "raft-state";
  const bool progress = directive.command == "status";
  if (!states && !progress) return comparison.lines;
  for (absl::string_view line : absl::StrSplit(directive.expected, '\n', absl::SkipEmpty())) {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    const NodeId id{NumberOf(words[0].substr(0, words[0].find(':')))};
    std::map<std::string, std::string> fields = FieldsOf(std::string(line));
    comparison.who = absl::StrCat(states ? "node " : "peer ", id.value);
    if (states) {
      const RaftStatus ours = replay.nodes().at(id).raft->Status();
      comparison.Field("role", std::optional(words[1]), RoleOf(ours.soft.role));
      comparison.Field("voter", std::optional(words[2]),
                       std::string(ours.config.IsVoter(id) ? "(Voter)" : "(Non-Voter)"));
      comparison.Field("term", std::optional(NumberOf(fields["Term"])), TermOf(ours.soft.term));
      comparison.Field("leader", std::optional(NumberOf(fields["Lead"])), ours.soft.leader.value);
      continue;
    }
    const NodeId leader{NumberOf(directive.words[0])};
    for (const PeerStatus& peer : replay.nodes().at(leader).raft->Status().peers) {
      if (peer.id != id) continue;
      comparison.Field("progress", std::optional(words[1]), StateOf(peer.state));
      comparison.Field("match", std::optional(NumberOf(fields["match"])), peer.match.value);
      comparison.Field("next", std::optional(NumberOf(fields["next"])), peer.next.value);
    }
  }
  return comparison.lines;
}

}  // namespace z4j::consensus
