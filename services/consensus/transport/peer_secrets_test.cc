#include "services/consensus/transport/peer_secrets.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "services/base/testing/status_matchers.h"

namespace z4j::consensus {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kOld(32, 'o'), kNew(48, 'n');
std::string Line(const std::string& id, const std::string& key) {
  return absl::StrCat(id, ":", absl::Base64Escape(key), "\n");
}

TEST(PeerSecretsTest, TheFirstIsSpokenAndBothAreKnown) {
  ASSERT_OK_AND_ASSIGN(
      const PeerSecrets secrets,
      ParsePeerSecrets("# why\n\n  " + Line("2026-11", kNew) + Line("2026-05", kOld)));
  EXPECT_EQ(secrets.current().id, "2026-11");
  EXPECT_EQ(secrets.current().key, kNew);
  EXPECT_EQ(secrets.Find("2026-05")->key, kOld);
  EXPECT_EQ(secrets.Find("2025"), nullptr);
}

TEST(PeerSecretsTest, ThereAreOneOrTwo) {
  EXPECT_THAT(ParsePeerSecrets("# none\n"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ParsePeerSecrets(Line("a", kOld) + Line("b", kNew) + Line("c", kNew)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("3 peer secrets")));
  EXPECT_THAT(ParsePeerSecrets(Line("a", kOld) + Line("a", kNew)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("twice")));
}

TEST(PeerSecretsTest, AShortOneIsRefused) {
  EXPECT_THAT(ParsePeerSecrets(Line("a", std::string(31, 's'))),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("31 bytes; give 32")));
  EXPECT_OK(ParsePeerSecrets(Line("a", std::string(32, 's'))));
}

TEST(PeerSecretsTest, AMalformedLineIsNamedAndNotRepeated) {
  for (const std::string& line :
       {std::string("c2VjcmV0"), std::string("a b:c2VjcmV0"), std::string(":c2VjcmV0"),
        std::string("a:c2Vjcm=V0!"), std::string(65, 'a') + ":c2VjcmV0"}) {
    EXPECT_THAT(ParsePeerSecrets("# one\n" + line + "\n"),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr("line 2"), Not(HasSubstr("c2V")))))
        << line;
  }
}

TEST(PeerSecretsTest, AFileThatOthersMayReadIsRefused) {
  std::string pattern = testing::TempDir() + "/secretsXXXXXX";
  const std::string folder = mkdtemp(pattern.data());
  const std::string path = folder + "/peer.secret";
  EXPECT_THAT(LoadPeerSecrets(path), StatusIs(absl::StatusCode::kNotFound));
  std::ofstream(path) << Line("a", kOld);
  for (const mode_t mode : {0640, 0604, 0660, 0644}) {
    chmod(path.c_str(), mode);
    EXPECT_THAT(LoadPeerSecrets(path),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("chmod 600")));
  }
  chmod(path.c_str(), 0600);
  EXPECT_OK(LoadPeerSecrets(path));
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace z4j::consensus
