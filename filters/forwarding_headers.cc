#include "filters/forwarding_headers.h"

#include <string_view>

namespace meridian {
namespace {

constexpr std::string_view kOwnPrefix = "x-meridian-";

std::string_view ViaEntry(HttpVersion received) {
  switch (received) {
    case HttpVersion::kHttp10:
      return "1.0 meridian";
    case HttpVersion::kHttp11:
      return "1.1 meridian";
    case HttpVersion::kHttp2:
      return "2 meridian";
  }
  return "1.1 meridian";
}

void AppendVia(HeaderBlock& headers, HttpVersion received) {
  headers.Append(HeaderId::kVia, "via", ViaEntry(received));
}

void RemoveOwn(HeaderBlock& headers) {
  bool again = true;
  while (again) {
    again = false;
    for (const Header& h : headers) {
      if (!h.name.starts_with(kOwnPrefix)) continue;
      headers.RemoveNamed(h.name);
      again = true;
      break;
    }
  }
}

}  // namespace

std::optional<LocalReply> ForwardingHeaders::OnRequest(RequestHead& request, StreamContext& context) const {
  HeaderBlock& headers = request.headers;
  RemoveOwn(headers);
  headers.Remove(HeaderId::kForwarded);
  if (!context.trusted_peer) {
    headers.Remove(HeaderId::kXForwardedFor);
    headers.Remove(HeaderId::kXForwardedHost);
  }
  headers.Append(HeaderId::kXForwardedFor, "x-forwarded-for", context.client->address);
  headers.Set(HeaderId::kXForwardedProto, "x-forwarded-proto", context.scheme);
  if (headers.Get(HeaderId::kXForwardedHost).empty()) {
    headers.Set(HeaderId::kXForwardedHost, "x-forwarded-host", request.authority);
  }
  headers.Set(HeaderId::kXRequestId, "x-request-id", context.request_id);
  AppendVia(headers, request.version);
  return std::nullopt;
}

void ForwardingHeaders::OnResponse(ResponseHead& response, StreamContext& context) const {
  AppendVia(response.headers, response.version);
  response.headers.Set(HeaderId::kXRequestId, "x-request-id", context.request_id);
}

}  // namespace meridian
