// Who a client is by its certificate, told to the origin: Client-Cert (RFC 9440).
//
// What arrives in such a field is removed, whether or not anything takes its place: an origin cannot tell it from ours.
// Removed are client-cert and client-cert-chain, x-forwarded-client-cert, which other proxies use, and each of them
// with
// '_' for any '-', which many origins take for the same.
//
// The one exception is a trusted proxy that ended the client's TLS itself, if the operator says so: its client-cert and
// client-cert-chain stay unless we have a certificate to tell of. That is a word of its own, since a proxy that writes
// X-Forwarded-For may well hand on whatever a client says here. Twice the same single-valued field is none: somebody
// added to what was there.
#pragma once

#include "meridian/filter.h"

namespace meridian {

class ClientCertificateHeader final : public Filter {
 public:
  // `trust`: what trusted proxies say in them is believed.
  explicit ClientCertificateHeader(bool trust = false) : trust_(trust) {}
  std::string_view name() const override { return "client_certificate"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
  void OnRequestTrailers(HeaderBlock& trailers, const StreamContext& context) const override;

 private:
  const bool trust_;
};

}  // namespace meridian
