#include "filters/client_certificate.h"

#include <algorithm>
#include <string_view>

namespace meridian {
namespace {

constexpr std::string_view kOwned[] = {"client-cert", "client-cert-chain", "x-forwarded-client-cert"};

bool Same(char have, char want) { return have == want || (have == '_' && want == '-'); }

bool IsOwned(std::string_view name) {
  return std::any_of(std::begin(kOwned), std::end(kOwned), [&](std::string_view owned) {
    return name.size() == owned.size() && std::equal(name.begin(), name.end(), owned.begin(), Same);
  });
}

}  // namespace

std::optional<LocalReply> ClientCertificateHeader::OnRequest(RequestHead& request, StreamContext& context) const {
  HeaderBlock& headers = request.headers;
  const auto owned = [](const Header& h) { return IsOwned(h.name); };
  while (true) {
    const Header* found = std::find_if(headers.begin(), headers.end(), owned);
    if (found == headers.end()) break;
    headers.RemoveNamed(found->name);  // and all others of that name
  }
  const std::string_view certificate = context.client->certificate;
  if (!certificate.empty()) headers.Add("client-cert", headers.arena()->Copy(certificate));
  return std::nullopt;
}

}  // namespace meridian
