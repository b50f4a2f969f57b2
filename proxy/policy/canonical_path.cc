#include "policy/canonical_path.h"

#include <array>
#include <cstddef>

#include "policy/percent.h"

namespace meridian {
namespace {

// What may stand in a path as it is (RFC 3986 §3.3, pchar).
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> table{};
  for (unsigned char c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = table[static_cast<unsigned char>(c - 'a' + 'A')] = true;
  for (unsigned char c : {'-', '.', '_', '~', '!', '$', '&', '\'', '(', ')', '*', '+', ',', ';', '=', ':', '@'}) {
    table[c] = true;
  }
  return table;
}();

// All else is nothing to look at twice.
constexpr std::array<bool, 256> kNotable = [] {
  std::array<bool, 256> table{};
  for (size_t c = 0; c < table.size(); ++c) table[c] = !kPlain[c];
  return table;
}();

bool IsPlain(char c) { return kPlain[static_cast<unsigned char>(c)]; }

// Whether %XX of `byte` is another spelling of it, rather than something else to some origin.
bool IsDecoded(int byte) { return kPlain[static_cast<size_t>(byte)] && byte != '+' && byte != ';'; }

bool IsDots(std::string_view segment) { return segment == "." || segment == ".."; }

// Where the next encoded slash or backslash begins. REQUIRES: digits in upper case.
size_t FindEncodedSlash(std::string_view text, size_t from) {
  for (size_t at = from; (at = text.find('%', at)) != std::string_view::npos; ++at) {
    const std::string_view three = text.substr(at, 3);
    if (three == "%2F" || three == "%5C") return at;
  }
  return std::string_view::npos;
}

bool HidesDots(std::string_view segment) {
  size_t begin = 0;
  for (size_t at = 0; (at = FindEncodedSlash(segment, begin)) != std::string_view::npos; begin = at + 3) {
    if (IsDots(segment.substr(begin, at - begin))) return true;
  }
  return begin > 0 && IsDots(segment.substr(begin));
}

enum class Finding : uint8_t { kCanonical, kChange, kRefuse };

struct Path {
  Finding finding = Finding::kCanonical;
  size_t length = 0;  // of the path
  size_t bare = 0;    // bytes that become %XX
};

// One scan.
Path Look(std::string_view target, bool strict) {
  Path path;
  Finding& finding = path.finding;
  size_t i = 0;
  for (; i < target.size(); ++i) {
    const char c = target[i];
    if (!kNotable[static_cast<unsigned char>(c)]) continue;
    if (c == '?') break;
    if (c == '\\') return {Finding::kRefuse};
    if (c == '/') {
      const std::string_view next = target.substr(i + 1, 3);
      if (next.empty() || (next[0] != '/' && next[0] != '.')) continue;
      if (next[0] == '/' || IsDots(next.substr(0, next.find_first_of("/?")))) finding = Finding::kChange;
      // "/..%2F": the slow look sees it.
      if (next.size() == 3 && next.find('%') != std::string_view::npos) finding = Finding::kChange;
      continue;
    }
    if (c != '%') {
      finding = Finding::kChange;
      ++path.bare;
      continue;
    }
    const int byte = PercentByte(target, i);
    if (byte <= 0) return {Finding::kRefuse};
    const bool slash = byte == '/' || byte == '\\';
    if (strict && slash) return {Finding::kRefuse};
    const bool lower = target[i + 1] >= 'a' || target[i + 2] >= 'a';
    if (slash || lower || IsDecoded(byte)) finding = Finding::kChange;
    i += 2;
  }
  path.length = i;
  return path;
}

char* PutEncoded(int byte, char* to) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  *to++ = '%';
  *to++ = kDigits[byte / 16];
  *to++ = kDigits[byte % 16];
  return to;
}

// Writes `path` with its characters in order to `out`, which has room for it; the length. REQUIRES: Look took it.
size_t Respell(std::string_view path, char* out) {
  char* to = out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] == '/' || IsPlain(path[i])) {
      *to++ = path[i];
      continue;
    }
    const bool encoded = path[i] == '%';
    const int byte = encoded ? PercentByte(path, i) : static_cast<unsigned char>(path[i]);
    if (encoded && IsDecoded(byte)) {
      *to++ = static_cast<char>(byte);
    } else {
      to = PutEncoded(byte, to);
    }
    if (encoded) i += 2;
  }
  return static_cast<size_t>(to - out);
}

// The byte that text[at…at+2] is to routes, or −1: it is no %XX, or stays one.
int RoutedByte(std::string_view text, size_t at) {
  const int byte = text[at] == '%' ? PercentByte(text, at) : -1;
  if (byte <= ' ' || byte >= 0x7F) return -1;
  return byte == '/' || byte == '\\' || byte == '%' || byte == '?' || byte == '#' ? -1 : byte;
}

// Removes dot segments and empty ones in place; the new length, 0: refused.
size_t RemoveSegments(char* text, size_t size) {
  size_t to = 0;  // what is kept so far, without a slash at its end
  bool folder = false;
  for (size_t from = 0; from < size;) {
    size_t end = from + 1;  // behind the slash
    while (end < size && text[end] != '/') ++end;
    const std::string_view segment(text + from + 1, end - from - 1);
    folder = segment.empty() || IsDots(segment);
    if (HidesDots(segment)) return 0;
    if (segment == "..") {
      if (to == 0) return 0;
      do --to;
      while (text[to] != '/');
    } else if (!folder) {
      for (size_t i = from; i < end; ++i) text[to++] = text[i];
    }
    from = end;
  }
  if (folder) text[to++] = '/';
  return to;
}

}  // namespace

std::optional<std::string_view> CanonicalTarget(std::string_view target, PathPolicy policy, Arena& arena) {
  if (policy == PathPolicy::kAsIs || !target.starts_with('/')) return target;
  const Path path = Look(target, policy == PathPolicy::kStrict);
  if (path.finding == Finding::kCanonical) return target;
  if (path.finding == Finding::kRefuse) return std::nullopt;
  char* out = static_cast<char*>(arena.Allocate(target.size() + 2 * path.bare, 1));
  size_t size = RemoveSegments(out, Respell(target.substr(0, path.length), out));
  if (size == 0) return std::nullopt;
  size += target.copy(out + size, std::string_view::npos, path.length);
  return std::string_view(out, size);
}

std::string_view RoutedTarget(std::string_view target, PathPolicy policy, Arena& arena) {
  if (policy == PathPolicy::kAsIs) return target;
  const std::string_view path = target.substr(0, target.find('?'));
  size_t at = path.find('%');
  while (at < path.size() && RoutedByte(path, at) < 0) at = path.find('%', at + 1);
  if (at >= path.size()) return target;
  char* out = static_cast<char*>(arena.Allocate(target.size(), 1));
  char* to = out + path.copy(out, at);
  while (at < path.size()) {
    const int byte = RoutedByte(path, at);
    *to++ = byte < 0 ? path[at] : static_cast<char>(byte);
    at += byte < 0 ? 1 : 3;
  }
  to += target.copy(to, std::string_view::npos, path.size());
  return {out, static_cast<size_t>(to - out)};
}

}  // namespace meridian
