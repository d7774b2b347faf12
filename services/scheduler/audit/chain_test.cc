#include "services/scheduler/audit/chain.h"

#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/escaping.h"
#include "services/base/testing/status_matchers.h"
#include "services/scheduler/audit/testing/sample_chain.h"
#include "services/scheduler/audit/verify.h"

namespace z4j::scheduler {
namespace {

AuditVerdict Verify(const SampleChain& chain, const Keyring& keys,
                    std::optional<AuditBookmark> bookmark = std::nullopt) {
  ChainVerifier verifier(keys, chain.head, std::move(bookmark));
  for (const AuditEntry& entry : chain.entries) verifier.Add(entry);
  return verifier.Finish();
}

MATCHER_P2(FindsFault, fault, seq, "") {
  *result_listener << AuditFaultName(arg.fault) << " at " << arg.seq << ": " << arg.message;
  return arg.fault == fault && arg.seq == seq && arg.ok() == (fault == AuditFault::kNone) &&
         arg.ok() == arg.message.empty();
}

TEST(ChainTest, VerifiesWhatWasAppendedInSeveralSteps) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 3);
  Grow(chain, keys, 1);
  Grow(chain, keys, 4);
  EXPECT_EQ(chain.head.seq, 8);
  EXPECT_EQ(chain.entries[7].seq, 8);
  const AuditVerdict verdict = Verify(chain, keys);
  EXPECT_THAT(verdict, FindsFault(AuditFault::kNone, 0));
  EXPECT_EQ(verdict.entries, 8);
}

TEST(ChainTest, AnEmptyChainIsWhole) {
  EXPECT_THAT(Verify(SampleChain(), SampleKeys()), FindsFault(AuditFault::kNone, 0));
}

TEST(ChainTest, TheMacIsTheSameForEver) {
  // Computed independently with Python's hmac and struct modules over the documented encoding.
  const Keyring keys = SampleKeys();
  const SampleChain chain = MakeChain(keys, 2);
  EXPECT_EQ(absl::BytesToHexString(chain.entries[1].mac),
            "5e6e891ffb4e721dc232b44ef4f341a59a6373c93fd3fc570fc86e0968f3a363");
  EXPECT_EQ(absl::BytesToHexString(chain.head.seal),
            "0e79a98493bb86fb0501b47b0710be6ba954bf1b865e40d53a7ef9cefea9f945");
}

TEST(ChainTest, NoTwoFieldsCanTradeTheirBytes) {
  const Keyring keys = SampleKeys();
  ChainMac mac(keys);
  AuditEntry entry = SampleEntry(1);
  entry.key_id = "k1";
  entry.actor = "ab";
  entry.source = "c";
  AuditEntry other = entry;
  other.actor = "a";
  other.source = "bc";
  EXPECT_NE(*mac.EntryMac(entry), *mac.EntryMac(other));
}

TEST(ChainTest, AnEditOfAnyFieldIsFoundAtItsEntry) {
  const Keyring keys = SampleKeys({"k1", "k2"});
  const std::vector<std::pair<std::function<void(AuditEntry&)>, AuditFault>> edits = {
      {[](AuditEntry& e) { e.at += absl::Microseconds(1); }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.actor = "cli:eve"; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.source += "1"; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.action = "schedule.create"; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.resource.pop_back(); }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.schedule.value.bytes[15] ^= 1; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.before.clear(); }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.after[2] = 'T'; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.request_id = ""; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.key_id = "k2"; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.key_id = "k9"; }, AuditFault::kUnknownKey},
      {[](AuditEntry& e) { e.mac[0] ^= 1; }, AuditFault::kMacMismatch},
      {[](AuditEntry& e) { e.previous_mac[31] ^= 1; }, AuditFault::kWrongPrevious},
      {[](AuditEntry& e) { e.seq = 9; }, AuditFault::kGap},
  };
  for (size_t i = 0; i < edits.size(); ++i) {
    SampleChain chain = MakeChain(keys, 6);
    edits[i].first(chain.entries[3]);
    EXPECT_THAT(Verify(chain, keys), FindsFault(edits[i].second, 4)) << "edit " << i;
  }
}

TEST(ChainTest, RemovalReorderAndInsertionAreFoundWhereTheyBegin) {
  const Keyring keys = SampleKeys();
  SampleChain removed = MakeChain(keys, 5);
  removed.entries.erase(removed.entries.begin() + 2);
  EXPECT_THAT(Verify(removed, keys), FindsFault(AuditFault::kGap, 3));

  SampleChain renumbered = MakeChain(keys, 5);
  renumbered.entries.erase(renumbered.entries.begin() + 2);
  renumbered.entries[2].seq = 3;
  EXPECT_THAT(Verify(renumbered, keys), FindsFault(AuditFault::kWrongPrevious, 3));

  SampleChain swapped = MakeChain(keys, 5);
  std::swap(swapped.entries[1], swapped.entries[2]);
  EXPECT_THAT(Verify(swapped, keys), FindsFault(AuditFault::kGap, 2));

  SampleChain inserted = MakeChain(keys, 5);
  AuditEntry forged = SampleEntry(99);
  forged.seq = 3;
  forged.key_id = "k1";
  forged.previous_mac = inserted.entries[1].mac;
  forged.mac = std::string(32, 'm');
  inserted.entries.insert(inserted.entries.begin() + 2, forged);
  EXPECT_THAT(Verify(inserted, keys), FindsFault(AuditFault::kMacMismatch, 3));

  SampleChain beheaded = MakeChain(keys, 5);
  beheaded.entries.erase(beheaded.entries.begin());
  EXPECT_THAT(Verify(beheaded, keys), FindsFault(AuditFault::kGap, 1));
}

TEST(ChainTest, TruncationAtTheTailIsFoundWhateverIsDoneToTheHead) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 5);
  chain.entries.resize(3);
  EXPECT_THAT(Verify(chain, keys), FindsFault(AuditFault::kTruncated, 4));

  SampleChain adjusted = chain;
  adjusted.head.seq = 3;
  adjusted.head.mac = adjusted.entries[2].mac;
  EXPECT_THAT(Verify(adjusted, keys), FindsFault(AuditFault::kHeadSeal, 0));

  ChainVerifier blank(keys, AuditHead());
  for (const AuditEntry& entry : chain.entries) {
    blank.Add(entry);
    blank.NotePastHead(entry.seq);
  }
  EXPECT_THAT(blank.Finish(), FindsFault(AuditFault::kHeadMismatch, 1));
}

TEST(ChainTest, ARollbackWithItsOldHeadIsFoundOnlyByABookmark) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 3);
  const SampleChain old = chain;
  Grow(chain, keys, 2);
  const AuditBookmark bookmark{5, chain.head.mac};
  EXPECT_THAT(Verify(chain, keys, bookmark), FindsFault(AuditFault::kNone, 0));

  EXPECT_THAT(Verify(old, keys), FindsFault(AuditFault::kNone, 0));
  EXPECT_THAT(Verify(old, keys, bookmark), FindsFault(AuditFault::kRolledBack, 4));

  // Rolled back and grown again: another entry 5.
  SampleChain other = old;
  std::vector<AuditEntry> added = {SampleEntry(7), SampleEntry(8)};
  ChainMac mac(keys);
  other.head = *AppendToChain(mac, keys, other.head, added);
  other.entries.insert(other.entries.end(), added.begin(), added.end());
  EXPECT_THAT(Verify(other, keys, bookmark), FindsFault(AuditFault::kRolledBack, 5));
}

TEST(ChainTest, AHeadThatNamesAnotherEntryIsFound) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 2);
  ChainMac mac(keys);
  chain.head.mac = std::string(32, 'm');
  chain.head.seal = *mac.HeadSeal(chain.head);
  EXPECT_THAT(Verify(chain, keys), FindsFault(AuditFault::kHeadMismatch, 2));
}

TEST(ChainTest, AChainGoesOnUnderANewKeyAndNeedsTheOldOneToVerify) {
  const Keyring old_keys = SampleKeys({"k1"});
  SampleChain chain = MakeChain(old_keys, 2);
  const Keyring keys = SampleKeys({"k2", "k1"});
  Grow(chain, keys, 2);
  EXPECT_EQ(chain.entries[3].key_id, "k2");
  EXPECT_THAT(Verify(chain, keys), FindsFault(AuditFault::kNone, 0));
  EXPECT_THAT(Verify(chain, SampleKeys({"k2"})), FindsFault(AuditFault::kUnknownKey, 1));
  EXPECT_THAT(Verify(chain, old_keys), FindsFault(AuditFault::kUnknownKey, 3));
}

TEST(ChainTest, NothingIsAppendedToAForgedHead) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 3);
  ChainMac mac(keys);
  std::vector<AuditEntry> entries = {SampleEntry(1)};
  AuditHead truncated = chain.head;
  truncated.seq = 2;
  truncated.mac = chain.entries[1].mac;
  EXPECT_THAT(AppendToChain(mac, keys, truncated, entries), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(entries[0].seq, 0);

  const Keyring other = SampleKeys({"k2"});
  ChainMac other_mac(other);
  EXPECT_THAT(AppendToChain(other_mac, other, chain.head, entries),
              StatusIs(absl::StatusCode::kFailedPrecondition, testing::HasSubstr("'k1'")));
}

TEST(ChainTest, EntriesAfterTheHeadThatWasReadFirstAreLeftForLater) {
  const Keyring keys = SampleKeys();
  SampleChain chain = MakeChain(keys, 2);
  const AuditHead head = chain.head;
  Grow(chain, keys, 3);
  chain.head = head;
  const AuditVerdict verdict = Verify(chain, keys);
  EXPECT_THAT(verdict, FindsFault(AuditFault::kNone, 0));
  EXPECT_EQ(verdict.entries, 2);
}

TEST(KeyringTest, RefusesShortKeysDoubledIdsAndNone) {
  const std::string key(32, 'x');
  EXPECT_THAT(Keyring::Create({}), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(Keyring::Create({{"a", key.substr(1)}}),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("31 bytes")));
  EXPECT_THAT(Keyring::Create({{"a", key}, {"a", key}}),
              StatusIs(absl::StatusCode::kInvalidArgument, testing::HasSubstr("twice")));
  EXPECT_THAT(Keyring::Create({{"", key}}), StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace z4j::scheduler
