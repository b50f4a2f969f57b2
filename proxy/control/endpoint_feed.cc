#include "control/endpoint_feed.h"

#include <algorithm>

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

EndpointFeed::EndpointFeed(Loop& loop, EndpointFeedSink& sink) : loop_(loop), sink_(sink) {}
EndpointFeed::~EndpointFeed() = default;

size_t EndpointFeed::Add(const std::string& host, uint16_t port) {
  const size_t id = entries_.size();
  entries_.push_back(std::make_unique<Entry>(*this, id, host, port));
  if (const auto literal = ParseIpLiteral(host, port)) {
    entries_.back()->endpoints = {*literal};
    return id;
  }
  if (!resolver_) resolver_ = std::make_unique<Resolver>(loop_);
  ++unsettled_;
  entries_.back()->Ask();
  return id;
}

void EndpointFeed::Entry::Ask() {
  feed.resolver_->Resolve(host, port, [this](const ResolveAnswer& answer) { OnAnswer(answer); });
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
  // Order is no news: servers rotate it.
  std::vector<Endpoint> sorted = answer.endpoints;
  std::sort(sorted.begin(), sorted.end(), [](const Endpoint& a, const Endpoint& b) {
    return std::tie(a.v6, a.ip, a.port) < std::tie(b.v6, b.ip, b.port);
  });
  if (sorted == endpoints) return;
  LogEvent(LogLevel::kInfo, "dns_changed",
           {{"host", host},
            {"addresses", std::to_string(sorted.size())},
            {"added", Missing(sorted, endpoints)},
            {"removed", Missing(endpoints, sorted)}});
  endpoints = std::move(sorted);
  feed.sink_.OnEndpointsChanged(id);
}

}  // namespace meridian
