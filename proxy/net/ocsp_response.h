// A response of OCSP (RFC 6960) as a file holds it, for stapling: what an authority says about a certificate of ours,
// signed, so that clients need not ask it themselves. Pure; any thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace meridian {

struct Certificate;

struct OcspResponse {
  std::string der;
  // thisUpdate and nextUpdate; sooner if the certificate of the responder that signed it ends before. A response that
  // does not say until when it is good is refused.
  int64_t from_unix_s = 0, until_unix_s = 0;
};

inline constexpr size_t kMaxOcspBytes = 64 * 1024;  // it is a part of each full handshake

// Null and *error, which says what is wrong with `der` ("is for another certificate"), unless it is a response which
// says that `certificate` is good. The signature is verified if the issuer's certificate is in the chain. Times are not
// judged.
std::shared_ptr<const OcspResponse> CheckOcspResponse(std::string der, const Certificate& certificate,
                                                      std::string* error);

// The certificate says that clients should insist on a stapled response (RFC 7633).
bool MustStaple(const Certificate& certificate);

}  // namespace meridian
