// A certificate authority of the test's own, made in memory, and leaf certificates in PEM files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "support/temp_dir.h"

namespace meridian::testing {

enum class KeyKind { kEcdsa, kRsa };

struct CertificateFiles {
  std::string certificate{}, key{};  // paths
  std::string ocsp{};                // the path of a response in DER; empty: none
};

struct IssueOptions {
  bool with_issuer = false;  // in the chain
  bool must_staple = false;
};

// What an OCSP response says and who signs it. Times count from now, in seconds.
struct OcspAnswer {
  enum class Verdict { kGood, kRevoked, kUnknown };
  enum class Signer { kIssuer, kDelegate, kStranger };  // kDelegate: with a certificate of the issuer for this
  Verdict verdict = Verdict::kGood;
  Signer signer = Signer::kIssuer;
  long from = -3600;
  long until = 24 * 3600;  // 0: it does not say
  long delegate_until = 7 * 24 * 3600;
};

class TestCertificates {
 public:
  explicit TestCertificates(const TempDir& dir);  // writes ca.pem
  ~TestCertificates();

  // Each name is a DNS name or a numeric address. Valid from yesterday for a week, for servers and clients. Files
  // <label>.pem and <label>.key.
  CertificateFiles Issue(const std::string& label, KeyKind kind, const std::vector<std::string>& names,
                         const IssueOptions& options = {}) const;
  // DER, about the certificate in this file.
  std::string Ocsp(const std::string& certificate_file, const OcspAnswer& answer = {}) const;
  // A responder's "try later".
  static std::string OcspRefusal();
  const std::string& ca_file() const { return ca_file_; }

 private:
  struct Authority;
  const TempDir& dir_;
  std::string ca_file_;
  std::unique_ptr<Authority> authority_;
};

}  // namespace meridian::testing
