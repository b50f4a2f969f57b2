#include "net/ocsp_response.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "net/tls_certificate.h"

namespace meridian {
namespace {

using ResponsePtr = std::unique_ptr<OCSP_RESPONSE, TlsFree<&OCSP_RESPONSE_free>>;
using BasicPtr = std::unique_ptr<OCSP_BASICRESP, TlsFree<&OCSP_BASICRESP_free>>;
using StorePtr = std::unique_ptr<X509_STORE, TlsFree<&X509_STORE_free>>;
struct StackFree {
  void operator()(STACK_OF(X509) * s) const { sk_X509_free(s); }  // not what it points to
};
using StackPtr = std::unique_ptr<STACK_OF(X509), StackFree>;

X509* IssuerOf(const Certificate& certificate) {
  X509* leaf = certificate.leaf.get();
  for (const X509Ptr& link : certificate.chain) {
    if (X509_check_issued(link.get(), leaf) == X509_V_OK) return link.get();
  }
  return X509_check_issued(leaf, leaf) == X509_V_OK ? leaf : nullptr;
}

bool Holds(const ASN1_OCTET_STRING* text, const unsigned char* bytes, unsigned size) {
  return ASN1_STRING_length(text) == static_cast<int>(size) &&
         std::memcmp(ASN1_STRING_get0_data(text), bytes, size) == 0;
}

// `issuer` may be null: then its name must do, without its key.
bool IsAbout(const OCSP_SINGLERESP* single, const X509* leaf, const X509* issuer) {
  ASN1_OCTET_STRING *name = nullptr, *key = nullptr;
  ASN1_OBJECT* algorithm = nullptr;
  ASN1_INTEGER* serial = nullptr;
  OCSP_id_get0_info(&name, &algorithm, &key, &serial, const_cast<OCSP_CERTID*>(OCSP_SINGLERESP_get0_id(single)));
  if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) != 0) return false;
  const EVP_MD* hash = EVP_get_digestbyobj(algorithm);
  unsigned char bytes[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (!hash || X509_NAME_digest(X509_get_issuer_name(leaf), hash, bytes, &size) != 1) return false;
  if (!Holds(name, bytes, size)) return false;
  return !issuer || (X509_pubkey_digest(issuer, hash, bytes, &size) == 1 && Holds(key, bytes, size));
}

int64_t UnixSeconds(const ASN1_TIME* time) {
  tm broken_down{};
  return ASN1_TIME_to_tm(time, &broken_down) == 1 ? timegm(&broken_down) : 0;
}

// By the issuer, or by a responder that the issuer gave a certificate for this; then also until when that is good.
// Judged as of when it was signed: what may no longer be used is the caller's business.
bool VerifySignature(OCSP_BASICRESP* basic, const Certificate& certificate, X509* issuer, int64_t* until_unix_s) {
  const StorePtr trusted(X509_STORE_new());
  const StackPtr known(sk_X509_new_null());
  if (!trusted || !known || X509_STORE_add_cert(trusted.get(), issuer) != 1) return false;
  sk_X509_push(known.get(), issuer);
  for (const X509Ptr& link : certificate.chain) sk_X509_push(known.get(), link.get());
  X509_STORE_set_flags(trusted.get(), X509_V_FLAG_PARTIAL_CHAIN);  // the issuer is hardly ever a root
  X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(trusted.get()), UnixSeconds(OCSP_resp_get0_produced_at(basic)));
  if (OCSP_basic_verify(basic, known.get(), trusted.get(), 0) != 1) return false;
  X509* signer = nullptr;
  if (OCSP_resp_get0_signer(basic, &signer, known.get()) != 1) return false;
  *until_unix_s = std::min(*until_unix_s, UnixSeconds(X509_get0_notAfter(signer)));
  return true;
}

}  // namespace

std::shared_ptr<const OcspResponse> CheckOcspResponse(std::string der, const Certificate& certificate,
                                                      std::string* error) {
  const auto refuse = [&](std::string why) {
    ERR_clear_error();
    *error = std::move(why);
    return nullptr;
  };
  if (der.starts_with("-----BEGIN")) return refuse("is PEM, and must be DER");
  const auto* bytes = reinterpret_cast<const unsigned char*>(der.data());
  const unsigned char* end = bytes;
  const ResponsePtr response(d2i_OCSP_RESPONSE(nullptr, &end, static_cast<long>(der.size())));
  if (!response || end != bytes + der.size()) return refuse("is not an OCSP response in DER");
  const int status = OCSP_response_status(response.get());
  if (status != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return refuse(std::string("is a responder's refusal: ") + OCSP_response_status_str(status));
  }
  const BasicPtr basic(OCSP_response_get1_basic(response.get()));
  if (!basic) return refuse("is not an OCSP response of the basic type");

  X509* issuer = IssuerOf(certificate);
  OCSP_SINGLERESP* ours = nullptr;
  for (int i = 0; i < OCSP_resp_count(basic.get()) && !ours; ++i) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic.get(), i);
    if (IsAbout(single, certificate.leaf.get(), issuer)) ours = single;
  }
  if (!ours) return refuse("is for another certificate");

  ASN1_GENERALIZEDTIME *from = nullptr, *until = nullptr;
  const int verdict = OCSP_single_get0_status(ours, nullptr, nullptr, &from, &until);
  if (verdict != V_OCSP_CERTSTATUS_GOOD) {
    return refuse(std::string("says that the certificate is ") + OCSP_cert_status_str(verdict));
  }
  if (!until) return refuse("does not say until when it is good (nextUpdate)");
  auto checked = std::make_shared<OcspResponse>();
  checked->from_unix_s = UnixSeconds(from);
  checked->until_unix_s = UnixSeconds(until);
  if (issuer && !VerifySignature(basic.get(), certificate, issuer, &checked->until_unix_s)) {
    return refuse("has a signature that does not verify: " + DrainTlsErrors());
  }
  ERR_clear_error();
  checked->der = std::move(der);
  return checked;
}

bool MustStaple(const Certificate& certificate) {
  constexpr long kStatusRequest = 5;  // the TLS extension that asks for a response
  auto* features =
      static_cast<TLS_FEATURE*>(X509_get_ext_d2i(certificate.leaf.get(), NID_tlsfeature, nullptr, nullptr));
  bool found = false;
  for (int i = 0; features && i < sk_ASN1_INTEGER_num(features); ++i) {
    found |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(features, i)) == kStatusRequest;
  }
  TLS_FEATURE_free(features);
  return found;
}

}  // namespace meridian
