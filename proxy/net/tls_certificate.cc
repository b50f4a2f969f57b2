#include "net/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <ctime>

namespace meridian {
namespace {

BioPtr OpenPem(const std::string& file_or_text, bool is_text) {
  return BioPtr(is_text ? BIO_new_mem_buf(file_or_text.data(), static_cast<int>(file_or_text.size()))
                        : BIO_new_file(file_or_text.c_str(), "r"));
}

std::vector<std::string> NamesOf(X509* leaf) {
  std::vector<std::string> names;
  auto* sans = static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr));
  for (int i = 0; sans && i < sk_GENERAL_NAME_num(sans); ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(sans, i);
    if (name->type != GEN_DNS) continue;
    const auto* text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName));
    names.push_back(LowerCase({text, static_cast<size_t>(ASN1_STRING_length(name->d.dNSName))}));
  }
  GENERAL_NAMES_free(sans);
  if (names.empty()) {
    char cn[256];
    if (X509_NAME_get_text_by_NID(X509_get_subject_name(leaf), NID_commonName, cn, sizeof cn) > 0) {
      names.push_back(LowerCase(cn));
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

int64_t ExpiryOf(const X509* leaf) {
  tm end{};
  return ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &end) == 1 ? timegm(&end) : 0;
}

// No passphrase prompts: an encrypted key is an error.
int NoPassphrase(char*, int, int, void*) { return -1; }

}  // namespace

std::string LowerCase(std::string_view s) {
  std::string out(s);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string DrainTlsErrors() {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  if (code == 0) return "no further detail";
  char text[256];
  ERR_error_string_n(code, text, sizeof text);
  return text;
}

bool ReadCertificate(const PemPair& pair, Certificate* out, std::string* error) {
  const auto shown = [&](const std::string& f) { return pair.inline_pem ? std::string("the given PEM text") : f; };
  BioPtr bio = OpenPem(pair.certificate_file, pair.inline_pem);
  if (bio) out->leaf.reset(PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassphrase, nullptr));
  if (!out->leaf) {
    *error = "cannot read a certificate from " + shown(pair.certificate_file) + ": " + DrainTlsErrors();
    return false;
  }
  while (X509* more = PEM_read_bio_X509(bio.get(), nullptr, NoPassphrase, nullptr)) out->chain.emplace_back(more);
  BioPtr key = OpenPem(pair.key_file, pair.inline_pem);
  if (key) out->key.reset(PEM_read_bio_PrivateKey(key.get(), nullptr, NoPassphrase, nullptr));
  if (!out->key) {
    *error = "cannot read a private key from " + shown(pair.key_file) + ": " + DrainTlsErrors();
    return false;
  }
  if (X509_check_private_key(out->leaf.get(), out->key.get()) != 1) {
    *error = "the key in " + shown(pair.key_file) + " does not belong to " + shown(pair.certificate_file);
    DrainTlsErrors();
    return false;
  }
  ERR_clear_error();
  out->names = NamesOf(out->leaf.get());
  out->expires_unix_s = ExpiryOf(out->leaf.get());
  return true;
}

}  // namespace meridian
