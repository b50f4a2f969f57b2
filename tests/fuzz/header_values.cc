// The rules for values of fields: what they accept is of the form that they promise.
#include "filters/grpc_timeout.h"
#include "filters/loop_guard.h"
#include "fuzz/input.h"
#include "http/header_rules.h"
#include "meridian/arena.h"
#include "policy/canonical_path.h"

using namespace meridian;
using meridian::testing::InputText;

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

// One spelling: it is its own, neither policy sees it otherwise, and none of what origins may read in two ways is left.
void CheckPath(std::string_view target) {
  Arena arena;
  Require(CanonicalTarget(target, PathPolicy::kAsIs, arena) == target);
  const auto strict = CanonicalTarget(target, PathPolicy::kStrict, arena);
  const auto normal = CanonicalTarget(target, PathPolicy::kNormalize, arena);
  if (strict) Require(normal == strict && CanonicalTarget(*strict, PathPolicy::kStrict, arena) == strict);
  if (!normal) return;
  Require(CanonicalTarget(*normal, PathPolicy::kNormalize, arena) == normal);
  if (!target.starts_with('/')) return Require(*normal == target);
  const size_t query = std::min(target.find('?'), target.size());
  Require(normal->ends_with(target.substr(query)));
  const std::string path = std::string(normal->substr(0, normal->size() - (target.size() - query)));
  Require(path.starts_with('/') && path.find('\\') == std::string::npos && path.size() <= 3 * query);
  // (What ends in a slash has no further segment.)
  const std::string closed = path.ends_with('/') ? path : path + "/";
  for (const char* gone :
       {"//", "/./", "/../", "%00", "%2E", "%2e", "%2f", "%5c", "%41", "%7E", "%40", "%3A", "%2C", "|", "\"", "%7c"}) {
    Require(closed.find(gone) == std::string::npos);
  }
  // Routes read it in one way, of which it is a spelling.
  const std::string_view routed = RoutedTarget(*normal, PathPolicy::kNormalize, arena);
  const auto again = CanonicalTarget(routed, PathPolicy::kNormalize, arena);
  Require(again && RoutedTarget(*again, PathPolicy::kNormalize, arena) == routed && routed.size() <= normal->size());
}

void CheckGrpcTimeout(std::string_view text) {
  const auto timeout = GrpcTimeout::Parse(text);
  if (!timeout) return;
  Require(*timeout >= Duration::zero() && *timeout <= 24h && text.size() <= 9);
  Require(text.find_first_not_of("0123456789") == text.size() - 1);
}

// Whatever a client wrote before it, an edge finds what it added.
void CheckLoop(std::string_view list) {
  const int before = LoopGuard::Count(list, "m");
  Require(before >= 0 && static_cast<size_t>(before) <= list.size());
  Require(LoopGuard::Count(std::string(list) + ", m", "m") == before + 1);
  Require(LoopGuard::Count(std::string(list) + ", a; x=\"1\", M", "m") == before + 1);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text = InputText(data + 1, size - 1);
  CheckPath(text);
  CheckGrpcTimeout(text);
  CheckLoop(text);
  Arena arena;
  if (const int64_t length = ParseContentLength(text); length != kUnknownLength) {
    Require(length >= 0 && text.find_first_not_of("0123456789") == std::string_view::npos);
  }
  if (IsAuthority(text)) {
    Require(text.find_first_of(std::string_view(" \t\r\n\0/\\@?#,\"<>%", 16)) == std::string_view::npos);
    Require(IsAuthority(LowerCopy(arena, text)));
  }
  if (IsToken(text)) Require(IsToken(LowerCopy(arena, text)));
  ForEachElement(text, [](std::string_view element) {
    Require(!element.empty() && element.find(',') == std::string_view::npos && element.front() != ' ' &&
            element.back() != '\t');
  });
  // A field that Connection names does not travel on, wherever it stands in the list.
  HeaderBlock headers(&arena);
  headers.Add("connection", text);
  ForEachElement(text, [&](std::string_view name) {
    if (IsToken(name)) headers.Add(LowerCopy(arena, arena.Copy(name)), "1");
  });
  if (CheckConnection(headers) == 431) return 0;
  RemoveHopByHop(headers);
  ForEachElement(text, [&](std::string_view name) {
    const bool kept = EqualsIgnoreCase(name, "close") || EqualsIgnoreCase(name, "keep-alive");
    for (const Header& h : headers) Require(kept || !EqualsIgnoreCase(h.name, name) || h.id == HeaderId::kTe);
  });
  return 0;
}
