#ifndef Z4J_CONSENSUS_TRANSPORT_TESTING_TEST_CERTIFICATES_H_
#define Z4J_CONSENSUS_TRANSPORT_TESTING_TEST_CERTIFICATES_H_

#include <gtest/gtest.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "services/base/check.h"
#include "services/consensus/transport/authentication.h"

namespace z4j::consensus {

// Authorities and certificates for one test, in a folder that goes with it.
class TestCertificates {
 public:
  TestCertificates() {
    std::string pattern = testing::TempDir() + "/certificatesXXXXXX";
    Z4J_CHECK(mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
  }
  ~TestCertificates() { std::filesystem::remove_all(folder_); }
  TestCertificates(const TestCertificates&) = delete;

  // Whose certificates `authority` ("nodes") signs, made at its first use.  `alternatives` as
  // openssl.cnf has them ("DNS:node-1,URI:spiffe://z4j/node/1"); empty: none.
  PeerAuthenticationFiles Issue(const std::string& authority, const std::string& alternatives,
                                const std::string& common_name = "a node") {
    const std::string ca = folder_ + "/" + authority + ".pem", ca_key = ca + ".key";
    if (!std::filesystem::exists(ca)) Make(ca, ca_key, authority, "", "", "");
    const std::string own = absl::StrCat(folder_, "/", ++issued_, ".pem"), key = own + ".key";
    Make(own, key, common_name, alternatives, ca, ca_key);
    return {.tls_certificate = own, .tls_key = key, .tls_ca = ca, .secret = {}};
  }
  const std::string& folder() const { return folder_; }

 private:
  static X509* ReadCertificate(const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "r");
    X509* out = PEM_read_X509(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    return out;
  }
  static EVP_PKEY* ReadKey(const std::string& path) {
    FILE* file = std::fopen(path.c_str(), "r");
    EVP_PKEY* out = PEM_read_PrivateKey(file, nullptr, nullptr, nullptr);
    std::fclose(file);
    return out;
  }
  static void Extend(X509* certificate, int kind, const std::string& value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, kind, value.c_str());
    Z4J_CHECK(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1);
    X509_EXTENSION_free(extension);
  }

  // Signed by itself without `ca`.
  void Make(const std::string& path, const std::string& key_path, const std::string& common_name,
            const std::string& alternatives, const std::string& ca, const std::string& ca_key) {
    EVP_PKEY* key = EVP_EC_gen("P-256");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial_);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME* subject = X509_get_subject_name(certificate);
    if (!common_name.empty()) {
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                 reinterpret_cast<const unsigned char*>(common_name.c_str()), -1,
                                 -1, 0);
    }
    X509* issuer = ca.empty() ? certificate : ReadCertificate(ca);
    EVP_PKEY* issuer_key = ca.empty() ? key : ReadKey(ca_key);
    X509_set_issuer_name(certificate, X509_get_subject_name(issuer));
    Extend(certificate, NID_basic_constraints, ca.empty() ? "critical,CA:TRUE" : "CA:FALSE");
    if (!alternatives.empty()) Extend(certificate, NID_subject_alt_name, alternatives);
    Z4J_CHECK(X509_sign(certificate, issuer_key, EVP_sha256()) > 0);

    FILE* file = std::fopen(path.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(key_path.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    if (issuer != certificate) X509_free(issuer);
    if (issuer_key != key) EVP_PKEY_free(issuer_key);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  std::string folder_;
  int issued_ = 0;
  long serial_ = 0;
};

}  // namespace z4j::consensus

#endif  // Z4J_CONSENSUS_TRANSPORT_TESTING_TEST_CERTIFICATES_H_
