#include "net/tls_failure.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <array>
#include <string>

#include "net/transport.h"

namespace meridian {
namespace {

constexpr int kAlerts = 256;

// OpenSSL 3.0 has no words for those that are new in TLS 1.3.
const char* NameOfAlert(int alert) {
  if (alert == SSL_AD_MISSING_EXTENSION) return "missing extension";
  if (alert == SSL_AD_CERTIFICATE_REQUIRED) return "certificate required";
  return SSL_alert_desc_string_long(alert);
}

// "TLS alert: certificate required", by the number of the alert (RFC 8446 §6).
const char* AlertText(int alert) {
  static const auto texts = [] {
    std::array<std::string, kAlerts> t;
    for (int i = 0; i < kAlerts; ++i) t[static_cast<size_t>(i)] = std::string("TLS alert: ") + NameOfAlert(i);
    return t;
  }();
  return texts[static_cast<size_t>(alert)].c_str();
}

// The alert that the peer sent, or −1.
int ReceivedAlert(unsigned long error) {
  const int alert = ERR_GET_REASON(error) - SSL_AD_REASON_OFFSET;
  return ERR_GET_LIB(error) == ERR_LIB_SSL && alert >= 0 && alert < kAlerts ? alert : -1;
}

// Those that are about who the peers are.
bool IsRefusal(int alert) {
  switch (alert) {
    case SSL_AD_HANDSHAKE_FAILURE:
    case SSL_AD_BAD_CERTIFICATE:
    case SSL_AD_UNSUPPORTED_CERTIFICATE:
    case SSL_AD_CERTIFICATE_REVOKED:
    case SSL_AD_CERTIFICATE_EXPIRED:
    case SSL_AD_CERTIFICATE_UNKNOWN:
    case SSL_AD_UNKNOWN_CA:
    case SSL_AD_ACCESS_DENIED:
    case SSL_AD_DECRYPT_ERROR:
    case SSL_AD_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

const char* CertificateText(long result) {
  switch (result) {
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return "the certificate is for another name";
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate has expired";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate is not valid yet";
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return "the certificate's authority is not trusted";
    default:
      return X509_verify_cert_error_string(result);
  }
}

const char* Why(const SSL* ssl, unsigned long error, bool closed) {
  const int reason = ERR_GET_REASON(error);
  if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) return CertificateText(SSL_get_verify_result(ssl));
  if (const int alert = ReceivedAlert(error); alert >= 0) return AlertText(alert);
  if (reason == SSL_R_WRONG_VERSION_NUMBER) return "the peer does not speak TLS";
  if (error == 0) return closed ? "closed during the TLS handshake" : "TLS handshake failed";
  const char* const text = ERR_reason_error_string(error);
  return text ? text : "TLS handshake failed";
}

}  // namespace

Error HandshakeFailure(const SSL* ssl, bool origin, bool closed) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  Error out{ErrorCode::kTlsFailed, origin ? Fault::kOrigin : Fault::kClient, Retry::kAlways, Why(ssl, error, closed)};
  if (!origin && (reason == SSL_R_CERTIFICATE_VERIFY_FAILED || reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE)) {
    out.what = kCertificateRefused.data();
  }
  ERR_clear_error();
  return out;
}

bool RefusedAfterHandshake(Error* error) {
  const int alert = ReceivedAlert(ERR_peek_error());
  if (!IsRefusal(alert)) return false;
  *error = {ErrorCode::kTlsFailed, Fault::kOrigin, Retry::kAlways, AlertText(alert)};
  ERR_clear_error();
  return true;
}

}  // namespace meridian
