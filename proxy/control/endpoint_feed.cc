#include "control/endpoint_feed.h"

#include <algorithm>
#include <iterator>
#include <tuple>

#include "net/address.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

// The addresses that `from` has and `in` has not, as text.
std::string Missing(const std::vector<Endpoint>& from, const std::vector<Endpoint>& in) {
  std::string text;
  for (const Endpoint& endpoint : from) {
    if (std::find(in.begin(), in.end(), endpoint) != in.end()) continue;
    text += (text.empty() ? "" : " ") + IpText(endpoint);
  }
  return text;
}

}  // namespace

EndpointFeed::EndpointFeed(Loop& loop, EndpointFeedSink& sink, std::string servers)
    : loop_(loop), sink_(sink), servers_(std::move(servers)) {}
EndpointFeed::~EndpointFeed() = default;

size_t EndpointFeed::Add(const std::string& host, uint16_t port) {
  const size_t id = entries_.size();
  entries_.push_back(std::make_unique<Entry>(*this, id, host, port));
  if (const auto literal = ParseIpLiteral(host, port)) {
    entries_.back()->endpoints = {*literal};
    return id;
  }
  if (!resolver_) resolver_ = std::make_unique<Resolver>(loop_, servers_);
  ++unsettled_;
  entries_.back()->Ask();
  return id;
}

void EndpointFeed::Entry::Ask() {
  feed.resolver_->Resolve(host, port, AddressFamily::kAny, [this](const ResolveAnswer& answer) { OnAnswer(answer); });
}

void EndpointFeed::Entry::OnAnswer(const ResolveAnswer& answer) {
  if (!answered) --feed.unsettled_;
  answered = true;
  timer.Arm(answer.ttl);
  if (answer.endpoints.empty()) {
    ++feed.failures_;
    if (!failing) LogEvent(LogLevel::kWarning, "dns_failed", {{"host", host}, {"error", answer.error}});
    failing = true;  // and the last good answer stays
    return;
  }
  failing = false;
  next = answer.endpoints;
  for (const bool v6 : {false, true}) {
    if (!LostFamily(v6)) continue;
    return feed.resolver_->Resolve(host, port, v6 ? AddressFamily::kV6 : AddressFamily::kV4,
                                   [this, v6](const ResolveAnswer& of_family) { OnAnswerOfFamily(v6, of_family); });
  }
  Settle();
}

bool EndpointFeed::Entry::LostFamily(bool v6) const {
  const auto is = [&](const Endpoint& endpoint) { return endpoint.v6 == v6; };
  return std::any_of(endpoints.begin(), endpoints.end(), is) && std::none_of(next.begin(), next.end(), is);
}

void EndpointFeed::Entry::OnAnswerOfFamily(bool v6, const ResolveAnswer& answer) {
  const std::vector<Endpoint>& kept = answer.endpoints.empty() && !answer.none ? endpoints : answer.endpoints;
  std::copy_if(kept.begin(), kept.end(), std::back_inserter(next), [&](const Endpoint& e) { return e.v6 == v6; });
  Settle();
}

void EndpointFeed::Entry::Settle() {
  // Order is no news: servers rotate it.
  std::sort(next.begin(), next.end(), [](const Endpoint& a, const Endpoint& b) {
    return std::tie(a.v6, a.ip, a.port) < std::tie(b.v6, b.ip, b.port);
  });
  if (next == endpoints) return;
  LogEvent(LogLevel::kInfo, "dns_changed",
           {{"host", host},
            {"addresses", std::to_string(next.size())},
            {"added", Missing(next, endpoints)},
            {"removed", Missing(endpoints, next)}});
  endpoints = next;
  feed.sink_.OnEndpointsChanged(id);
}

}  // namespace meridian
