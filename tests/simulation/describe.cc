#include "absl/strings/str_cat.h"
#include "tests/simulation/server.h"

namespace z4j::simulation {
namespace {

struct Body {
  std::string operator()(const VoteRequest& m) const {
    return absl::StrCat(m.pre ? "pre-vote? " : "vote? ", "log ", m.last_term.value, "/",
                        m.last_index.value, m.transfer ? " by transfer" : "");
  }
  std::string operator()(const VoteReply& m) const {
    return absl::StrCat(m.pre ? "pre-vote " : "vote ", m.granted ? "granted" : "refused");
  }
  std::string operator()(const AppendRequest& m) const {
    std::string text = absl::StrCat("append after ", m.prev_term.value, "/", m.prev_index.value,
                                    " commit ", m.commit.value, " [");
    for (const Entry& entry : m.entries) {
      absl::StrAppend(&text, " ", entry.term.value, "/", entry.index.value);
    }
    return text + " ]";
  }
  std::string operator()(const AppendReply& m) const {
    if (!m.rejected) return absl::StrCat("has ", m.match.value);
    return absl::StrCat("rejects after ", m.rejected_prev.value, ", hint ", m.hint_term.value, "/",
                        m.hint_index.value);
  }
  std::string operator()(const InstallSnapshot& m) const {
    return absl::StrCat("snapshot ", m.meta.term.value, "/", m.meta.index.value);
  }
  std::string operator()(const TimeoutNow&) const { return "campaign now"; }
  std::string operator()(const ReadRequest& m) const { return absl::StrCat("read? ", m.context); }
  std::string operator()(const ReadReply& m) const {
    return absl::StrCat("read ", m.context, " at ", m.index.value);
  }
};

}  // namespace

std::string Describe(const Message& message) {
  return absl::StrCat(message.from.value, " -> ", message.to.value, " term ", message.term.value,
                      " ", std::visit(Body(), message.body));
}

}  // namespace z4j::simulation
