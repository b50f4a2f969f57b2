// The part of the exchange that passes on interim responses (1xx), whichever attempt they come from.
#include <functional>
#include <utility>

#include "http/header_rules.h"
#include "stream/exchange.h"

namespace meridian {
namespace {

uint64_t Fingerprint(const ResponseHead& head) {
  auto sum = static_cast<uint64_t>(head.status);
  const auto mix = [&sum](std::string_view text) {
    sum = (sum ^ std::hash<std::string_view>()(text)) * 0x9E3779B97F4A7C15ull;
    sum ^= sum >> 32;
  };
  for (const Header& h : head.headers) {
    mix(h.name);
    mix(h.value);
  }
  return sum;
}

}  // namespace

// The client knows of one request only: what one attempt told it, another does not tell it again. A 102 says no more
// than that there is still work, which is news each time.
bool Exchange::ToldBefore(const Attempt& attempt, const ResponseHead& head) {
  if (head.status == 100) return std::exchange(told_continue_, true);
  if (head.status == 102) return false;
  const uint64_t fingerprint = Fingerprint(head);
  for (size_t i = 0; i < told_count_; ++i) {
    if (told_[i].fingerprint == fingerprint && told_[i].record != attempt.record) return true;
  }
  if (!told_) told_ = static_cast<Told*>(arena_.Allocate(sizeof(Told) * kMaxTold));
  if (told_count_ < kMaxTold) told_[told_count_++] = {fingerprint, attempt.record};
  return false;
}

void Exchange::OnAttemptInformational(Attempt& attempt, const ResponseHead& head) {
  if (state_ != State::kTrying || ToldBefore(attempt, head)) return;
  if (head.status == 100) request_.expect_continue = false;  // it sends its body now: no other origin is asked
  context_.stats().early_hints.Add();
  ResponseHead relayed = head;
  RemoveHopByHop(relayed.headers);
  stream_.SendInformational(relayed);
}

}  // namespace meridian
