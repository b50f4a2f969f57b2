#include "origin/dial.h"

#include <algorithm>

#include "net/address.h"

namespace meridian {
namespace {

constexpr Error kNoEndpoint{ErrorCode::kNoEndpoint, Fault::kOrigin, Retry::kAlways, "the origin's name has no address"};
constexpr Error kOvertaken{ErrorCode::kConnectTimeout, Fault::kOrigin, Retry::kAlways, "another address was faster"};

// Short connect timeouts must reach every address, too.
constexpr int kSilenceShare = 4;
constexpr int kHurryShare = 50;

}  // namespace

Dial::Dial(Loop& loop, const OriginOptions& options, const MessageLimits& limits, AddressMemory& memory, size_t streams,
           PoolGroup& group, DialSink& sink)
    : loop_(loop),
      options_(options),
      limits_(limits),
      memory_(memory),
      streams_(streams),
      group_(group),
      sink_(sink),
      silence_timer_(loop, Bind<&Dial::OnSilence>(this)) {}

Dial::~Dial() { Stop(); }

bool Dial::Start(bool one_request, std::string header, Error* error) {
  one_request_ = one_request;
  header_ = std::move(header);
  deadline_ = loop_.Now() + options_.connect_timeout;
  *error = kNoEndpoint;
  return TryNext(error);
}

// One more address. False, with the last error, when none is under way.
bool Dial::TryNext(Error* error) {
  const Duration connect = options_.connect_timeout;
  while (const Endpoint* next = memory_.Next(tried_, loop_.Now())) {
    const Endpoint address = *next;
    tried_.push_back(address);
    ConnectionOwner& self = *this;
    auto candidate = std::make_unique<OriginConnection>(loop_, options_, limits_, streams_, group_, self);
    candidate->one_request = one_request_;
    const Duration patience = std::max(deadline_ - loop_.Now(), connect / kSilenceShare);
    if (!candidate->Connect(address, patience, header_, error)) {
      OnFailed(address, *error);
      continue;
    }
    if (options_.counters) ++options_.counters->opened;
    candidates_.push_back(std::move(candidate));
    const bool hurry = candidates_.size() > 1;
    silence_timer_.Arm(hurry ? std::min(kHurry, connect / kHurryShare) : std::min(kSilence, connect / kSilenceShare));
    return true;
  }
  return !candidates_.empty();
}

void Dial::OnSilence() {
  if (GrantHandshakes()) return silence_timer_.Arm(std::min(kSilence, options_.connect_timeout / kSilenceShare));
  Error ignored;
  TryNext(&ignored);  // something is under way
}

// An address that took the connection has the same time once more to shake hands.
bool Dial::GrantHandshakes() {
  bool granted = false;
  for (const auto& candidate : candidates_) {
    const bool had = std::find(granted_.begin(), granted_.end(), candidate->endpoint()) != granted_.end();
    if (had || !candidate->connected()) continue;
    granted_.push_back(candidate->endpoint());
    granted = true;
  }
  return granted;
}

void Dial::OnFailed(const Endpoint& address, const Error& error) {
  failed_address_ = EndpointText(address);
  // What we lack ourselves says nothing about it.
  if (error.fault == Fault::kSelf) return;
  if (options_.counters) ++options_.counters->address_failures;
  memory_.OnFailed(address, loop_.Now());
}

std::unique_ptr<OriginConnection> Dial::Take(OriginConnection& connection) {
  const auto it =
      std::find_if(candidates_.begin(), candidates_.end(), [&](const auto& c) { return c.get() == &connection; });
  std::unique_ptr<OriginConnection> taken = std::move(*it);
  candidates_.erase(it);
  return taken;
}

void Dial::OnConnectionReady(OriginConnection& connection) {
  memory_.OnWorked(connection.endpoint(), loop_.Now());
  for (const auto& candidate : candidates_) {
    if (candidate.get() == &connection) break;
    OnFailed(candidate->endpoint(), kOvertaken);
  }
  std::unique_ptr<OriginConnection> ready = Take(connection);
  Stop();
  sink_.OnDialed(*this, std::move(ready));
}

void Dial::OnConnectionGone(OriginConnection& connection, const Error& error) {
  if (options_.counters) ++options_.counters->closed;
  const Endpoint address = connection.endpoint();
  loop_.Retire(Take(connection));
  if (over_) return;
  OnFailed(address, error);
  Error last = error;
  if (TryNext(&last)) return;
  Stop();
  sink_.OnDialFailed(*this, last);
}

void Dial::OnAddressesChanged() {
  std::vector<OriginConnection*> gone;
  for (const auto& candidate : candidates_) {
    if (!memory_.Contains(candidate->endpoint())) gone.push_back(candidate.get());
  }
  over_ = true;
  for (OriginConnection* candidate : gone) candidate->Close();
  over_ = false;
  // There may be a new one for who has tried all the others.
  if (!silence_timer_.armed()) silence_timer_.Arm(kHurry);
  Error error = kNoEndpoint;
  if (!candidates_.empty() || TryNext(&error)) return;
  Stop();
  sink_.OnDialFailed(*this, error);
}

void Dial::Stop() {
  over_ = true;
  silence_timer_.Cancel();
  while (!candidates_.empty()) candidates_.back()->Close();
}

}  // namespace meridian
