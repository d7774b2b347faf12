#include "services/consensus/transport/convert.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/limits.h"
#include "services/consensus/raft/membership.h"

namespace z4j::consensus {
namespace {

// --- Out --------------------------------------------------------------------------------------
struct BodySetter {
  pb::Message* out;

  void operator()(const VoteRequest& in) const {
    pb::VoteRequest* to = out->mutable_vote_request();
    to->set_pre(in.pre);
    to->set_last_index(in.last_index.value);
    to->set_last_term(in.last_term.value);
    to->set_transfer(in.transfer);
  }
  void operator()(const VoteReply& in) const {
    out->mutable_vote_reply()->set_pre(in.pre);
    out->mutable_vote_reply()->set_granted(in.granted);
  }
  void operator()(const AppendRequest& in) const {
    pb::AppendRequest* to = out->mutable_append_request();
    to->set_prev_index(in.prev_index.value);
    to->set_prev_term(in.prev_term.value);
    to->set_commit(in.commit.value);
    to->set_send_id(in.send_id);
    to->set_read_context(in.read_context);
    to->mutable_entries()->Reserve(static_cast<int>(in.entries.size()));
    for (const Entry& entry : in.entries) {
      pb::Entry* added = to->add_entries();
      added->set_term(entry.term.value);
      added->set_index(entry.index.value);
      added->set_kind(static_cast<pb::EntryKind>(entry.kind));
      added->set_data(*entry.data);
    }
  }
  void operator()(const AppendReply& in) const {
    pb::AppendReply* to = out->mutable_append_reply();
    to->set_rejected(in.rejected);
    to->set_match(in.match.value);
    to->set_rejected_prev(in.rejected_prev.value);
    to->set_hint_index(in.hint_index.value);
    to->set_hint_term(in.hint_term.value);
    to->set_send_id(in.send_id);
    to->set_read_context(in.read_context);
    to->set_applied(in.applied.value);
  }
  void operator()(const InstallSnapshot& in) const {
    pb::InstallSnapshot* to = out->mutable_install_snapshot();
    to->set_send_id(in.send_id);
    to->mutable_meta()->set_index(in.meta.index.value);
    to->mutable_meta()->set_term(in.meta.term.value);
    to->mutable_meta()->set_config(EncodeConfig(in.meta.config));
    to->mutable_meta()->set_config_index(in.meta.config_index.value);
  }
  void operator()(const TimeoutNow&) const { out->mutable_timeout_now(); }
  void operator()(const ReadRequest& in) const {
    out->mutable_read_request()->set_context(in.context);
  }
  void operator()(const ReadReply& in) const {
    out->mutable_read_reply()->set_context(in.context);
    out->mutable_read_reply()->set_index(in.index.value);
  }
};

// The numbers are the same on both sides, so that SetMessage may cast.
static_assert(static_cast<int>(EntryKind::kNoOp) == pb::ENTRY_KIND_NO_OP);
static_assert(static_cast<int>(EntryKind::kCommand) == pb::ENTRY_KIND_COMMAND);
static_assert(static_cast<int>(EntryKind::kConfig) == pb::ENTRY_KIND_CONFIG);

// --- In ---------------------------------------------------------------------------------------
absl::StatusOr<Entry> TakeEntry(pb::Entry* in, Index expected) {
  if (in->index() != expected.value || expected == Index{}) {
    return FieldError("append_request.entries.index",
                      absl::StrCat(in->index(), " stands where ", expected.value, " follows"));
  }
  if (in->term() == 0) return FieldError("append_request.entries.term", "must be > 0");
  if (in->kind() < pb::ENTRY_KIND_NO_OP || in->kind() > pb::ENTRY_KIND_CONFIG) {
    return FieldError("append_request.entries.kind", absl::StrCat("unknown: ", in->kind()));
  }
  if (in->data().size() > kEntryBytesMax) {
    return FieldError("append_request.entries.data",
                      absl::StrCat("at most ", kEntryBytesMax, " bytes"));
  }
  return Entry{.term = {in->term()},
               .index = expected,
               .kind = static_cast<EntryKind>(in->kind()),
               .data = MakePayload(std::move(*in->mutable_data()))};
}

absl::StatusOr<AppendRequest> TakeAppend(pb::AppendRequest* in) {
  if (in->entries_size() > kAppendEntriesMax) {
    return FieldError("append_request.entries", absl::StrCat("at most ", kAppendEntriesMax));
  }
  AppendRequest out{.prev_index = {in->prev_index()},
                    .prev_term = {in->prev_term()},
                    .entries = {},
                    .commit = {in->commit()},
                    .send_id = in->send_id(),
                    .read_context = in->read_context()};
  out.entries.reserve(in->entries_size());
  for (int i = 0; i < in->entries_size(); ++i) {
    ASSIGN_OR_RETURN(Entry entry, TakeEntry(in->mutable_entries(i), out.prev_index + (i + 1)));
    out.entries.push_back(std::move(entry));
  }
  return out;
}

absl::StatusOr<InstallSnapshot> ToInstall(const pb::InstallSnapshot& in) {
  if (in.meta().index() == 0 || in.meta().term() == 0) {
    return FieldError("install_snapshot.meta", "index and term must be > 0");
  }
  absl::StatusOr<Config> config = DecodeConfig(in.meta().config());
  if (!config.ok()) return FieldError("install_snapshot.meta.config", "the bytes are none");
  return InstallSnapshot{.meta = {.index = {in.meta().index()},
                                  .term = {in.meta().term()},
                                  .config = *std::move(config),
                                  .config_index = {in.meta().config_index()}},
                         .send_id = in.send_id()};
}

absl::StatusOr<MessageBody> TakeBody(pb::Message* in) {
  switch (in->body_case()) {
    case pb::Message::kVoteRequest: {
      const pb::VoteRequest& from = in->vote_request();
      return VoteRequest{.pre = from.pre(),
                         .last_index = {from.last_index()},
                         .last_term = {from.last_term()},
                         .transfer = from.transfer()};
    }
    case pb::Message::kVoteReply:
      return VoteReply{.pre = in->vote_reply().pre(), .granted = in->vote_reply().granted()};
    case pb::Message::kAppendRequest:
      return TakeAppend(in->mutable_append_request());
    case pb::Message::kAppendReply: {
      const pb::AppendReply& from = in->append_reply();
      return AppendReply{.rejected = from.rejected(),
                         .match = {from.match()},
                         .rejected_prev = {from.rejected_prev()},
                         .hint_index = {from.hint_index()},
                         .hint_term = {from.hint_term()},
                         .send_id = from.send_id(),
                         .read_context = from.read_context(),
                         .applied = {from.applied()}};
    }
    case pb::Message::kInstallSnapshot:
      return ToInstall(in->install_snapshot());
    case pb::Message::kTimeoutNow:
      return TimeoutNow{};
    case pb::Message::kReadRequest:
      return ReadRequest{.context = in->read_request().context()};
    case pb::Message::kReadReply:
      return ReadReply{.context = in->read_reply().context(), .index = {in->read_reply().index()}};
    case pb::Message::BODY_NOT_SET:
      break;
  }
  return FieldError("message.body", "is missing, or newer than this node");
}

}  // namespace

void SetMessage(const Message& message, pb::Message* out) {
  out->set_cluster(message.cluster.value);
  out->set_from(message.from.value);
  out->set_incarnation(message.incarnation.value);
  out->set_to(message.to.value);
  out->set_term(message.term.value);
  std::visit(BodySetter{out}, message.body);
}

absl::StatusOr<Message> TakeMessage(pb::Message&& in) {
  if (in.from() == 0) return FieldError("message.from", "must be > 0");
  if (in.to() == 0) return FieldError("message.to", "must be > 0");
  ASSIGN_OR_RETURN(MessageBody body, TakeBody(&in));
  return Message{.cluster = {in.cluster()},
                 .from = {in.from()},
                 .incarnation = {in.incarnation()},
                 .to = {in.to()},
                 .term = {in.term()},
                 .body = std::move(body)};
}

}  // namespace z4j::consensus
