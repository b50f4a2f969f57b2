// Who asked, how, and through whom: Via, X-Request-Id, X-Forwarded-For/-Proto/-Host.
//
// What a client says about itself in these fields is replaced, never appended to: an origin that believes a spoofed
// address has no way to tell. `x-meridian-*` from outside is removed for the same reason, and of strangers what other
// proxies say under names that are believed in places: X-Real-IP, X-Forwarded-Port, X-Original-URL, X-Envoy-… (the list
// stands in conf/README.md). Of a trusted proxy
// X-Forwarded-For is appended to and -Proto and -Host are kept. `Forwarded` (RFC 7239) always goes: many proxies that
// set X-Forwarded-For hand on whatever a client says in it. Via is appended to in both directions (RFC 9110 §7.6.3).
#pragma once

#include "meridian/filter.h"

namespace meridian {

class ForwardingHeaders final : public Filter {
 public:
  std::string_view name() const override { return "forwarding_headers"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
  void OnRequestTrailers(HeaderBlock& trailers, const StreamContext& context) const override;
  void OnResponse(ResponseHead& response, StreamContext& context) const override;
  void OnResponseTrailers(HeaderBlock& trailers, const StreamContext& context) const override;
};

}  // namespace meridian
