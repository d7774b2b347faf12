#include "services/consensus/transport/peer_name.h"

#include <gmock/gmock.h>

#include "services/base/testing/status_matchers.h"

namespace z4j::consensus {
namespace {

using testing::HasSubstr;

constexpr NodeId kTwo{2};

TEST(PeerNameTest, AUriOrADnsNameNamesANode) {
  for (const char* uri : {"spiffe://z4j/node/2", "SPIFFE://example.com/payroll/node/2"}) {
    EXPECT_OK(CheckPeerName({.uris = {uri}, .dns = {}, .common_name = {}}, kTwo)) << uri;
  }
  for (const char* name : {"node-2", "Node-2", "node-2.z4j.example.com"}) {
    EXPECT_OK(CheckPeerName({.uris = {}, .dns = {name}, .common_name = {}}, kTwo)) << name;
  }
}

TEST(PeerNameTest, WhatOnlyLooksLikeTheNameIsNone) {
  for (const char* uri :
       {"spiffe://z4j/node/12", "spiffe://z4j/node/02", "spiffe://z4j/node/2/x", "spiffe://node-2",
        "https://z4j/node/2", "spiffe://z4j/anode/2", "spiffe://z4j/node/2?x", ""}) {
    EXPECT_THAT(CheckPeerName({.uris = {uri}, .dns = {}, .common_name = {}}, kTwo),
                StatusIs(absl::StatusCode::kUnauthenticated))
        << uri;
  }
  for (const std::string name : {"node-22", "node-02", "node-2x", "xnode-2", "*.z4j", "node-*",
                                 "node2", "2", "z4j.node-2", "", "localhost"}) {
    EXPECT_THAT(CheckPeerName({.uris = {}, .dns = {name}, .common_name = {}}, kTwo),
                StatusIs(absl::StatusCode::kUnauthenticated))
        << name;
  }
  const std::string cut("node-2\0.evil.example", 20);
  EXPECT_FALSE(CheckPeerName({.uris = {}, .dns = {cut}, .common_name = {}}, kTwo).ok());
}

TEST(PeerNameTest, TheCommonNameCountsOnlyWithoutOthers) {
  EXPECT_OK(CheckPeerName({.uris = {}, .dns = {}, .common_name = "node-2"}, kTwo));
  EXPECT_FALSE(
      CheckPeerName({.uris = {}, .dns = {"localhost"}, .common_name = "node-2"}, kTwo).ok());
  EXPECT_FALSE(
      CheckPeerName({.uris = {"https://x"}, .dns = {}, .common_name = "node-2"}, kTwo).ok());
}

TEST(PeerNameTest, ACertificateMaySpeakForSeveral) {
  const PeerNames both{.uris = {}, .dns = {"localhost", "node-1", "node-2"}, .common_name = {}};
  EXPECT_OK(CheckPeerName(both, {1}));
  EXPECT_OK(CheckPeerName(both, {2}));
  EXPECT_FALSE(CheckPeerName(both, {3}).ok());
}

TEST(PeerNameTest, TheRefusalSaysWhatIsThereAndWhatIsMissing) {
  EXPECT_THAT(
      CheckPeerName({.uris = {}, .dns = {"node-3"}, .common_name = {}}, kTwo),
      StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("names node-3; it must name node-2")));
  EXPECT_THAT(CheckPeerName({}, kTwo),
              StatusIs(absl::StatusCode::kUnauthenticated, HasSubstr("has no name")));
}

}  // namespace
}  // namespace z4j::consensus
