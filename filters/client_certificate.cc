#include "filters/client_certificate.h"

#include <algorithm>
#include <string_view>

namespace meridian {
namespace {

constexpr std::string_view kCert = "client-cert";
constexpr std::string_view kChain = "client-cert-chain";
constexpr std::string_view kOwned[] = {kCert, kChain, "x-forwarded-client-cert"};

bool IsOwned(const Header& h) {
  return h.id == HeaderId::kOther && std::any_of(std::begin(kOwned), std::end(kOwned), [&](std::string_view owned) {
           return h.name.size() == owned.size() && IsSameField(h.name, owned);
         });
}

}  // namespace

std::optional<LocalReply> ClientCertificateHeader::OnRequest(RequestHead& request, StreamContext& context) const {
  HeaderBlock& headers = request.headers;
  const std::string_view certificate = context.client->certificate;
  const auto certs = std::count_if(headers.begin(), headers.end(), [](const Header& h) { return h.name == kCert; });
  const bool believed = trust_ && context.trusted_peer && certificate.empty() && certs == 1;
  const auto owned = [&](const Header& h) {
    return IsOwned(h) && !(believed && (h.name == kCert || h.name == kChain));
  };
  headers.RemoveIf(owned);
  if (!certificate.empty()) headers.Add(kCert, headers.arena()->Copy(certificate));
  return std::nullopt;
}

// Not even a trusted proxy says it behind a body.
void ClientCertificateHeader::OnRequestTrailers(HeaderBlock& trailers, const StreamContext&) const {
  trailers.RemoveIf(IsOwned);
}

}  // namespace meridian
