#include "filters/forwarding_headers.h"

#include <algorithm>
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

// What this filter says of a request, and whoever reads it behind us believes.
constexpr std::string_view kOurs[] = {"forwarded",         "via",         "x-forwarded-for", "x-forwarded-host",
                                      "x-forwarded-proto", "x-request-id"};

bool IsOurs(std::string_view name) {
  if (BeginsField(name, kOwnPrefix)) return true;
  return std::any_of(std::begin(kOurs), std::end(kOurs),
                     [&](std::string_view ours) { return IsSameField(name, ours); });
}

// What proxies and CDNs say of a request beside what is ours, under the names that are known to be believed somewhere:
// where it came from, what it was before a rewrite, what the mesh decided.
constexpr std::string_view kOthersPrefixes[] = {"x-forwarded-", "x-original-", "x-rewrite-", "x-envoy-"};
constexpr std::string_view kOthers[] = {"x-real-ip",        "x-client-ip",      "x-cluster-client-ip", "x-forwarded",
                                        "true-client-ip",   "cf-connecting-ip", "fastly-client-ip",    "x-remote-ip",
                                        "x-originating-ip", "x-azure-clientip", "x-proxyuser-ip"};

bool IsOfProxies(const Header& h) {
  // All begin with one of these four, and few other fields do.
  const char first = h.name.front();
  if (h.id != HeaderId::kOther || (first != 'x' && first != 't' && first != 'c' && first != 'f')) return false;
  const auto begins = [&](std::string_view prefix) { return BeginsField(h.name, prefix); };
  const auto same = [&](std::string_view name) { return IsSameField(h.name, name); };
  return std::any_of(std::begin(kOthersPrefixes), std::end(kOthersPrefixes), begins) ||
         std::any_of(std::begin(kOthers), std::end(kOthers), same);
}

// What nobody may say: `x-meridian-*`, and ours in another spelling.
bool IsForged(const Header& h) {
  if (h.id != HeaderId::kOther || h.name.front() != 'x') return false;
  return BeginsField(h.name, kOwnPrefix) || (h.name.find('_') != std::string_view::npos && IsOurs(h.name));
}

}  // namespace

std::optional<LocalReply> ForwardingHeaders::OnRequest(RequestHead& request, StreamContext& context) const {
  HeaderBlock& headers = request.headers;
  headers.RemoveIf(IsForged);
  headers.Remove(HeaderId::kForwarded);
  if (!context.trusted_peer) {
    headers.Remove(HeaderId::kXForwardedFor);
    headers.Remove(HeaderId::kXForwardedHost);
    headers.RemoveIf(IsOfProxies);
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

// Nobody says it behind a body, a trusted proxy neither.
void ForwardingHeaders::OnRequestTrailers(HeaderBlock& trailers, const StreamContext&) const {
  trailers.RemoveIf([](const Header& h) { return IsOurs(h.name) || IsOfProxies(h); });
}

void ForwardingHeaders::OnResponseTrailers(HeaderBlock& trailers, const StreamContext&) const {
  trailers.Remove(HeaderId::kVia);
  trailers.Remove(HeaderId::kXRequestId);
}

}  // namespace meridian
