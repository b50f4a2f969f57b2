#include "filters/grpc_timeout.h"

#include <charconv>

namespace meridian {
namespace {

constexpr size_t kMostDigits = 8;

std::optional<Duration> Unit(char c) {
  switch (c) {
    case 'H':
      return 1h;
    case 'M':
      return 1min;
    case 'S':
      return 1s;
    case 'm':
      return 1ms;
    case 'u':
      return 1us;
    case 'n':
      return 1ns;
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<Duration> GrpcTimeout::Parse(std::string_view text) {
  if (text.size() < 2 || text.size() > kMostDigits + 1) return std::nullopt;
  const std::optional<Duration> unit = Unit(text.back());
  const char* const end = text.data() + text.size() - 1;
  uint32_t count = 0;
  const auto [stop, problem] = std::from_chars(text.data(), end, count);
  if (!unit || problem != std::errc() || stop != end) return std::nullopt;
  // 10^8 hours do not fit into nanoseconds; a day is as good as for ever.
  constexpr Duration kMost = 24h;
  return count > static_cast<uint64_t>(kMost / *unit) ? kMost : count * *unit;
}

std::optional<LocalReply> GrpcTimeout::OnRequest(RequestHead& request, StreamContext& context) const {
  if (!IsGrpc(request.headers)) return std::nullopt;
  for (const Header& h : request.headers) {
    if (h.name != "grpc-timeout") continue;
    const std::optional<Duration> timeout = Parse(h.value);
    if (timeout && (!context.wish.deadline || *timeout < *context.wish.deadline)) context.wish.deadline = timeout;
    break;
  }
  return std::nullopt;
}

}  // namespace meridian
