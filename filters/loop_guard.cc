#include "filters/loop_guard.h"

#include <algorithm>

namespace meridian {
namespace {

// Up to the next comma, in quotes or not: a client could open a quote and never close it, and what edges add behind it
// would be its text. Who writes an edge's name into his own quotes cheats himself.
std::string_view TakeElement(std::string_view& list) {
  const size_t end = std::min(list.find(','), list.size());
  const std::string_view element = list.substr(0, end);
  list.remove_prefix(std::min(end + 1, list.size()));
  return element;
}

}  // namespace

LoopGuard::LoopGuard(const std::string& edge_name, int max_hops)
    : id_(edge_name.empty() ? "meridian" : "meridian-" + edge_name), max_hops_(max_hops) {}

int LoopGuard::Count(std::string_view list, std::string_view id) {
  int count = 0;
  while (!list.empty()) {
    std::string_view name = TakeElement(list);
    name = name.substr(0, name.find(';'));
    const size_t begin = name.find_first_not_of(" \t");
    if (begin == std::string_view::npos) continue;
    name = name.substr(begin, name.find_last_not_of(" \t") + 1 - begin);
    if (EqualsIgnoreCase(name, id)) ++count;
  }
  return count;
}

std::optional<LocalReply> LoopGuard::OnRequest(RequestHead& request, StreamContext&) const {
  HeaderBlock& headers = request.headers;
  int passed = 0;
  for (const Header& h : headers) {
    if (h.id == HeaderId::kCdnLoop) passed += Count(h.value, id_);
  }
  if (passed >= max_hops_) return LocalReply{.status = 508, .body = "", .refused = true};
  headers.Append(HeaderId::kCdnLoop, "cdn-loop", id_);
  return std::nullopt;
}

}  // namespace meridian
