#include "services/consensus/transport/authentication.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "services/base/address.h"
#include "services/base/field_error.h"
#include "services/base/status_macros.h"
#include "services/consensus/transport/limits.h"

namespace z4j::consensus {
namespace {

constexpr char kCertificateFlag[] = "--peer-tls-cert";
constexpr char kKeyFlag[] = "--peer-tls-key";
constexpr char kCaFlag[] = "--peer-tls-ca";

template <typename T, void (*Free)(T*)>
struct Freed {
  void operator()(T* object) const { Free(object); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freed<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;
using AlternativeNames = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES, GENERAL_NAMES_free>>;

// The file as OpenSSL reads it.
absl::StatusOr<Bio> Open(const std::string& path, const char* flag) {
  std::ifstream file(path, std::ios::binary);
  std::string text(kPeerPemBytesMax + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad() || file.gcount() == 0) return FieldError(flag, absl::StrCat("cannot read ", path));
  if (file.gcount() > kPeerPemBytesMax) {
    return FieldError(flag, absl::StrCat(path, " is longer than ", kPeerPemBytesMax, " bytes"));
  }
  Bio bio(BIO_new(BIO_s_mem()));
  BIO_write(bio.get(), text.data(), static_cast<int>(file.gcount()));
  return bio;
}

absl::StatusOr<Certificate> ReadCertificate(const std::string& path, const char* flag) {
  ASSIGN_OR_RETURN(const Bio bio, Open(path, flag));
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (certificate != nullptr) return certificate;
  return FieldError(flag, absl::StrCat(path, " holds no certificate in PEM form"));
}

// No key of ours has a passphrase: nobody is there to type it.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::Status CheckKey(const std::string& path, X509* certificate) {
  ASSIGN_OR_RETURN(const Bio bio, Open(path, kKeyFlag));
  const Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return FieldError(kKeyFlag,
                      absl::StrCat(path, " holds no private key in PEM form without passphrase"));
  }
  if (X509_check_private_key(certificate, key.get()) == 1) return absl::OkStatus();
  return FieldError(kKeyFlag, absl::StrCat(path, " is not the key of the certificate"));
}

std::string TextOf(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<size_t>(ASN1_STRING_length(text))};
}

PeerNames NamesIn(X509* certificate) {
  PeerNames names;
  const AlternativeNames alternatives(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(alternatives.get()); ++i) {  // -1: none.
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(alternatives.get(), i);
    if (name->type == GEN_URI) names.uris.push_back(TextOf(name->d.uniformResourceIdentifier));
    if (name->type == GEN_DNS) names.dns.push_back(TextOf(name->d.dNSName));
  }
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at >= 0) {
    names.common_name = TextOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
  }
  return names;
}

absl::StatusOr<PeerTls> LoadTls(const PeerAuthenticationFiles& files) {
  for (const auto& [flag, path] : {std::pair(kCertificateFlag, files.tls_certificate),
                                   {kKeyFlag, files.tls_key},
                                   {kCaFlag, files.tls_ca}}) {
    if (path.empty()) {
      return FieldError(flag, absl::StrCat(kCertificateFlag, ", ", kKeyFlag, " and ", kCaFlag,
                                           " belong together"));
    }
  }
  ASSIGN_OR_RETURN(const Certificate certificate,
                   ReadCertificate(files.tls_certificate, kCertificateFlag));
  RETURN_IF_ERROR(CheckKey(files.tls_key, certificate.get()));
  RETURN_IF_ERROR(ReadCertificate(files.tls_ca, kCaFlag).status());
  return PeerTls{.certificate = files.tls_certificate,
                 .key = files.tls_key,
                 .ca = files.tls_ca,
                 .own_names = NamesIn(certificate.get())};
}

}  // namespace

absl::StatusOr<PeerAuthentication> LoadPeerAuthentication(const PeerAuthenticationFiles& files) {
  PeerAuthentication out;
  if (!files.tls_certificate.empty() || !files.tls_key.empty() || !files.tls_ca.empty()) {
    ASSIGN_OR_RETURN(out.tls, LoadTls(files));
  }
  if (!files.secret.empty()) {
    absl::StatusOr<PeerSecrets> secrets = LoadPeerSecrets(files.secret);
    if (!secrets.ok()) return FieldError("--peer-secret-file", secrets.status().message());
    out.secrets = std::make_shared<const PeerSecrets>(*std::move(secrets));
  }
  return out;
}

absl::Status CheckPeerListener(const std::string& address, bool authenticated, bool insecure) {
  if (authenticated || insecure || IsLoopback(address)) return absl::OkStatus();
  return FieldError("--listen",
                    absl::StrCat("whoever reaches ", address, " could speak as a node; give ",
                                 kCertificateFlag, ", ", kKeyFlag, " and ", kCaFlag,
                                 ", or --peer-secret-file, or --insecure if the network is "
                                 "trusted"));
}

PeerCredentials MakePeerCredentials(const PeerAuthentication& authentication) {
  if (!authentication.tls.has_value()) {
    return {grpc::InsecureServerCredentials(), grpc::InsecureChannelCredentials()};
  }
  namespace tls = grpc::experimental;
  const PeerTls& files = *authentication.tls;
  const auto watched = std::make_shared<tls::FileWatcherCertificateProvider>(
      files.key, files.certificate, files.ca,
      static_cast<unsigned>(absl::ToInt64Seconds(files.refresh_every)));
  const auto verifier = std::make_shared<tls::NoOpCertificateVerifier>();

  tls::TlsServerCredentialsOptions server(watched);
  server.watch_root_certs();
  server.watch_identity_key_cert_pairs();
  server.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  server.set_certificate_verifier(verifier);

  tls::TlsChannelCredentialsOptions channel;
  channel.set_certificate_provider(watched);
  channel.watch_root_certs();
  channel.watch_identity_key_cert_pairs();
  channel.set_verify_server_certs(true);
  channel.set_certificate_verifier(verifier);
  channel.set_check_call_host(false);
  return {tls::TlsServerCredentials(server), tls::TlsCredentials(channel)};
}

}  // namespace z4j::consensus
