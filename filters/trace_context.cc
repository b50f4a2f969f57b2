#include "filters/trace_context.h"

#include <algorithm>

namespace meridian {
namespace {

constexpr size_t kSize = 55;  // "00-" 32 digits "-" 16 digits "-" 2 digits

bool IsHex(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool IsId(std::string_view text) { return IsHex(text) && text.find_first_not_of('0') != std::string_view::npos; }

}  // namespace

bool TraceContext::IsValid(std::string_view text) {
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  const std::string_view version = text.substr(0, 2);
  if (!IsHex(version) || version == "ff") return false;
  // Later versions may go on behind a dash; this one ends here.
  if (text.size() > kSize && (version == "00" || text[kSize] != '-')) return false;
  return IsId(text.substr(3, 32)) && IsId(text.substr(36, 16)) && IsHex(text.substr(53, 2));
}

std::optional<LocalReply> TraceContext::OnRequest(RequestHead& request, StreamContext&) const {
  int parents = 0;
  bool valid = false, state = false;
  for (const Header& h : request.headers) {
    state |= h.id == HeaderId::kTracestate;
    if (h.id != HeaderId::kTraceparent) continue;
    valid = ++parents == 1 && IsValid(h.value);
  }
  if (valid || (parents == 0 && !state)) return std::nullopt;
  request.headers.Remove(HeaderId::kTraceparent);
  request.headers.Remove(HeaderId::kTracestate);
  return std::nullopt;
}

}  // namespace meridian
