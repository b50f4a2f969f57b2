#include "net/tls_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cctype>
#include <ctime>

#include "net/regular_file.h"

namespace meridian {
namespace {

bool ReadPem(const std::string& file, std::string* text, std::string* why) {
  if (!ReadRegularFile(file, kMaxPemBytes, text, why)) return false;
  if (text->size() > kMaxPemBytes) *why = "it is larger than 1 MiB";
  return text->size() <= kMaxPemBytes;
}

// One file or text of a pair.
class Pem {
 public:
  Pem(const std::string& file_or_text, bool is_text) {
    if (is_text) {
      text_ = file_or_text;
    } else if (!ReadPem(file_or_text, &text_, &why_)) {
      return;
    }
    bio_.reset(BIO_new_mem_buf(text_.data(), static_cast<int>(text_.size())));
  }
  ~Pem() { OPENSSL_cleanse(text_.data(), text_.size()); }  // it may be a key
  Pem(const Pem&) = delete;
  Pem& operator=(const Pem&) = delete;
  BIO* bio() const { return bio_.get(); }  // null: it could not be read
  std::string Why() const { return why_.empty() ? DrainTlsErrors() : why_; }

 private:
  std::string text_, why_;
  BioPtr bio_;
};

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

bool ReadAuthorities(const std::string& file, std::vector<X509Ptr>* out, std::string* text, std::string* error) {
  *error = "cannot read CA certificates from " + file + ": ";
  std::string why;
  if (!ReadPem(file, text, &why)) {
    *error += why;
    return false;
  }
  const BioPtr bio(BIO_new_mem_buf(text->data(), static_cast<int>(text->size())));
  while (X509* next = PEM_read_bio_X509_AUX(bio.get(), nullptr, NoPassphrase, nullptr)) out->emplace_back(next);
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (out->empty() || !at_end) {
    *error += DrainTlsErrors();
    return false;
  }
  ERR_clear_error();
  error->clear();
  return true;
}

bool ReadCertificate(const PemPair& pair, Certificate* out, std::string* error) {
  const auto shown = [&](const std::string& f) { return pair.inline_pem ? std::string("the given PEM text") : f; };
  const Pem chain(pair.certificate_file, pair.inline_pem);
  if (chain.bio()) out->leaf.reset(PEM_read_bio_X509_AUX(chain.bio(), nullptr, NoPassphrase, nullptr));
  if (!out->leaf) {
    *error = "cannot read a certificate from " + shown(pair.certificate_file) + ": " + chain.Why();
    return false;
  }
  while (X509* more = PEM_read_bio_X509(chain.bio(), nullptr, NoPassphrase, nullptr)) out->chain.emplace_back(more);
  const Pem key(pair.key_file, pair.inline_pem);
  if (key.bio()) out->key.reset(PEM_read_bio_PrivateKey(key.bio(), nullptr, NoPassphrase, nullptr));
  if (!out->key) {
    *error = "cannot read a private key from " + shown(pair.key_file) + ": " + key.Why();
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
