// Who a client is by its certificate, told to the origin: Client-Cert (RFC 9440).
//
// What arrives in such a field is always removed, whether or not anything takes its place: an origin cannot tell it
// from ours. Removed are client-cert and client-cert-chain, x-forwarded-client-cert, which other proxies use, and each
// of them with '_' for any '-', which many origins take for the same.
#pragma once

#include "meridian/filter.h"

namespace meridian {

class ClientCertificateHeader final : public Filter {
 public:
  std::string_view name() const override { return "client_certificate"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
};

}  // namespace meridian
