#include <algorithm>
#include <utility>

#include "services/base/check.h"
#include "services/consensus/raft/impl.h"
#include "services/consensus/raft/marks.h"
#include "services/consensus/raft/mutants.h"

// What the leader sends to whom, and what it learns from the answers (§5.3, §10.2 of the thesis).
namespace z4j::consensus {

using State = PeerStatus::State;

uint64_t Raft::Impl::NewSend(Progress& peer, bool heartbeat) {
  const uint64_t id = ++leader()->last_send_id;
  peer.sends.Add({id, now_, heartbeat});
  return id;
}

// Is there something to tell this peer that need not wait for an answer?
bool Raft::Impl::HasPending(const Progress& peer) const {
  if (peer.Paused()) return false;
  if (peer.state == State::kProbe) return true;
  return peer.next <= log_.last() || peer.commit_sent < std::min(commit_, peer.next - 1);
}

void Raft::Impl::SendPending(NodeId to, Progress& peer) {
  while (HasPending(peer)) SendAppend(to, peer);
}

// With what the window lets go; without entries it still tells of the commit index, and asks
// whether the logs agree.
void Raft::Impl::SendAppend(NodeId to, Progress& peer) {
  const Index prev = peer.next - 1;
  const std::optional<Term> prev_term = log_.TermAt(prev);
  if (!prev_term.has_value()) {
    SendSnapshot(to, peer);
    return;
  }
  AppendRequest request;
  if (!peer.Paused()) {
    request.entries = log_.Slice(peer.next, log_.last(), options_.limits.append_entries,
                                 options_.limits.append_bytes);
  }
  const Index last = prev + request.entries.size();
  size_t bytes = 0;
  for (const Entry& entry : request.entries) bytes += entry.data->size();
  if (!request.entries.empty()) Z4J_CHECK(request.entries.front().index == prev + 1);
  if (peer.state == State::kProbe || !request.entries.empty()) peer.SentEntries(last, bytes);
  if (peer.state == State::kReplicate && peer.inflights.Full()) Hit(Mark::kWindowFull);
  peer.commit_sent = std::min(commit_, last);
  request.prev_index = prev;
  request.prev_term = *prev_term;
  request.commit = commit_;
  request.send_id = NewSend(peer, /*heartbeat=*/false);
  request.read_context = leader()->reads.round();
  Send(to, term_, std::move(request));
}

// The entries before `next` are compacted away.
void Raft::Impl::SendSnapshot(NodeId to, Progress& peer) {
  // To a peer that is not there, none: the next heartbeat that it answers brings us here again.
  if (!peer.answered || now_ - peer.heard >= options_.election_timeout) {
    peer.BecomeProbe();
    peer.probe_sent = true;
    return;
  }
  Z4J_CHECK(snapshot_.index.value > 0 && snapshot_.index + 1 >= log_.first());
  Hit(Mark::kSnapshotNeeded);
  peer.BecomeSnapshot(snapshot_.index);
  Send(to, term_, InstallSnapshot{snapshot_, NewSend(peer, /*heartbeat=*/false)});
}

// Rests on what the peer is known to have, so that it is never refused, in whatever order it
// arrives.  Once that is compacted away, on the beginning of all logs.
void Raft::Impl::SendHeartbeat(NodeId to, Progress& peer) {
  const std::optional<Term> term = log_.TermAt(peer.match);
  AppendRequest request;
  if (term.has_value()) {
    request.prev_index = peer.match;
    request.prev_term = *term;
  }
  request.commit = std::min(request.prev_index, commit_);
  request.send_id = NewSend(peer, /*heartbeat=*/true);
  request.read_context = leader()->reads.round();
  Send(to, term_, std::move(request));
}

void Raft::Impl::OnAppendReply(NodeId from, const AppendReply& reply) {
  Leader* me = leader();
  if (me == nullptr) return;
  const auto found = me->peers.find(from);
  if (found == me->peers.end()) return;
  Progress& peer = found->second;
  const bool heartbeat = TakeAcknowledgement(peer, reply);
  if (reply.rejected) {
    const Index base = log_.first() - 1;
    const Index agree = reply.hint_index < base
                            ? reply.hint_index
                            : log_.LastNotAbove(reply.hint_index, reply.hint_term).index;
    peer.TakeReject(reply.rejected_prev, agree);
  } else {
    TakeAccepted(from, peer, reply, heartbeat);
  }
  ConfirmReads();
  MaybeCommit();  // May end this leadership.
  if (leader() != nullptr) {
    MaybeTimeoutNow();
    Housekeeping();
  }
}

// Accepted or refused: the peer follows this leader and keeps its vote back.  Returns whether it
// answers a heartbeat.
bool Raft::Impl::TakeAcknowledgement(Progress& peer, const AppendReply& reply) {
  peer.heard = now_;
  peer.answered = true;
  peer.applied = std::max(peer.applied, reply.applied);
  peer.read_round = std::max(peer.read_round, reply.read_context);
  const std::optional<Sent> sent = peer.sends.Take(reply.send_id);
  if (!sent.has_value()) return false;
  const absl::Duration newest = now_ - sent->at;
  peer.round_trip = peer.round_trip ? (*peer.round_trip * 7 + newest) / 8 : newest;
  if (!stalled_since_.has_value()) peer.acknowledged = std::max(peer.acknowledged, sent->at);
  return sent->heartbeat;
}

void Raft::Impl::TakeAccepted(NodeId from, Progress& peer, const AppendReply& reply,
                              bool heartbeat) {
  const bool moved = peer.TakeMatch(reply.match);
  switch (peer.state) {
    case State::kProbe:
      // A heartbeat's answer says nothing about where the logs agree; but one for the probe itself
      // does, even if the peer had everything before (R5).
      if (moved || (!heartbeat && reply.match == peer.match && reply.match + 1 == peer.next)) {
        peer.BecomeReplicate();
      }
      break;
    case State::kSnapshot:
      // Whatever it installed: from there on the log goes on (R27).
      if (moved && peer.match + 1 >= log_.first()) {
        peer.pending_snapshot = {};
        peer.BecomeReplicate();
      }
      break;
    case State::kReplicate:
      peer.inflights.FreeTo(peer.match);
      break;
  }
  if (!heartbeat) return;
  peer.probe_sent = false;
  if (peer.state == State::kReplicate && peer.match < log_.last()) {
    // Were the messages on their way lost?  If so, this one is refused; else a full window whose
    // answers were lost would never move again.
    if (peer.inflights.Full()) Hit(Mark::kWindowProbed);
    SendAppend(from, peer);
  }
}

void Raft::Impl::SnapshotSent(MonoTime now, NodeId id, bool delivered) {
  Advance(now);
  Leader* me = leader();
  if (me == nullptr) return;
  const auto found = me->peers.find(id);
  if (found == me->peers.end() || found->second.state != State::kSnapshot) return;
  if (!delivered) found->second.pending_snapshot = {};
  found->second.BecomeProbe();
  found->second.probe_sent = true;  // Until it answers a heartbeat.
}

void Raft::Impl::PeerConnected(MonoTime now, NodeId id, bool connected) {
  Advance(now);
  Leader* me = leader();
  if (me == nullptr) {
    if (!connected && KnownLeader() == id) HastenElection();
    return;
  }
  const auto found = me->peers.find(id);
  if (found == me->peers.end()) return;
  Progress& peer = found->second;
  peer.connected = connected;
  if (!connected && peer.state == State::kReplicate) {
    peer.BecomeProbe();
    peer.probe_sent = true;
  }
  if (connected) peer.probe_sent = false;
}

}  // namespace z4j::consensus
