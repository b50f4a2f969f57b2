// Certificates and keys as OpenSSL holds them. Private to net's TLS files.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/tls_context.h"

namespace meridian {

template <auto Function>
struct TlsFree {
  template <typename T>
  void operator()(T* p) const {
    Function(p);
  }
};
using X509Ptr = std::unique_ptr<X509, TlsFree<&X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, TlsFree<&EVP_PKEY_free>>;
using BioPtr = std::unique_ptr<BIO, TlsFree<&BIO_free_all>>;

// One pair as it was read: the key belongs to the leaf.
struct Certificate {
  X509Ptr leaf;
  std::vector<X509Ptr> chain;
  KeyPtr key;
  int64_t expires_unix_s = 0;
  std::vector<std::string> names;  // lower case, sorted; "*.suffix" among them
};

// Files of certificates and keys are not longer: some hundred authorities have a quarter of that.
inline constexpr size_t kMaxPemBytes = 1 << 20;

// The certificates of a PEM file, and its text. False and *error, a sentence that names the file.
bool ReadAuthorities(const std::string& file, std::vector<X509Ptr>* out, std::string* text, std::string* error);

// False and *error, a sentence that names the file.
bool ReadCertificate(const PemPair& pair, Certificate* out, std::string* error);

std::string LowerCase(std::string_view s);

}  // namespace meridian
