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
};

class TestCertificates {
 public:
  explicit TestCertificates(const TempDir& dir);  // writes ca.pem
  ~TestCertificates();

  // Each name is a DNS name or a numeric address. Valid from yesterday for a week, for servers and clients. Files
  // <label>.pem and <label>.key.
  CertificateFiles Issue(const std::string& label, KeyKind kind, const std::vector<std::string>& names) const;
  const std::string& ca_file() const { return ca_file_; }

 private:
  struct Authority;
  const TempDir& dir_;
  std::string ca_file_;
  std::unique_ptr<Authority> authority_;
};

}  // namespace meridian::testing
