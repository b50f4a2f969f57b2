#include "policy/canonical_path.h"

#include <array>
#include <cstddef>

#include "policy/percent.h"

namespace meridian {
namespace {

constexpr bool IsUnreserved(unsigned char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Anything but these is nothing to look at twice.
constexpr std::array<bool, 256> kNotable = [] {
  std::array<bool, 256> table{};
  for (unsigned char c : {'/', '%', '\\', '?'}) table[c] = true;
  return table;
}();

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

// One scan. The length of the path goes to *length, unless it is refused.
Finding Look(std::string_view target, bool strict, size_t* length) {
  Finding finding = Finding::kCanonical;
  size_t i = 0;
  for (; i < target.size(); ++i) {
    const char c = target[i];
    if (!kNotable[static_cast<unsigned char>(c)]) continue;
    if (c == '?') break;
    if (c == '\\') return Finding::kRefuse;
    if (c == '/') {
      const std::string_view next = target.substr(i + 1, 3);
      if (next.empty() || (next[0] != '/' && next[0] != '.')) continue;
      if (next[0] == '/' || IsDots(next.substr(0, next.find_first_of("/?")))) finding = Finding::kChange;
      // "/..%2F": the slow look sees it.
      if (next.size() == 3 && next.find('%') != std::string_view::npos) finding = Finding::kChange;
      continue;
    }
    const int byte = PercentByte(target, i);
    if (byte <= 0) return Finding::kRefuse;
    const bool slash = byte == '/' || byte == '\\';
    if (strict && slash) return Finding::kRefuse;
    const bool lower = target[i + 1] >= 'a' || target[i + 2] >= 'a';
    if (slash || lower || IsUnreserved(static_cast<unsigned char>(byte))) finding = Finding::kChange;
    i += 2;
  }
  *length = i;
  return finding;
}

char UpperHex(char c) { return c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c; }

// Writes `path` with its percent signs in order to `out`, which has room for it; the length. REQUIRES: Look took it.
size_t Decode(std::string_view path, char* out) {
  char* to = out;
  for (size_t i = 0; i < path.size(); ++i) {
    if (path[i] != '%') {
      *to++ = path[i];
      continue;
    }
    const auto byte = static_cast<unsigned char>(PercentByte(path, i));
    if (IsUnreserved(byte)) {
      *to++ = static_cast<char>(byte);
    } else {
      *to++ = '%';
      *to++ = UpperHex(path[i + 1]);
      *to++ = UpperHex(path[i + 2]);
    }
    i += 2;
  }
  return static_cast<size_t>(to - out);
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
  size_t length = 0;
  const Finding finding = Look(target, policy == PathPolicy::kStrict, &length);
  if (finding == Finding::kCanonical) return target;
  if (finding == Finding::kRefuse) return std::nullopt;
  char* out = static_cast<char*>(arena.Allocate(target.size(), 1));
  size_t size = RemoveSegments(out, Decode(target.substr(0, length), out));
  if (size == 0) return std::nullopt;
  size += target.copy(out + size, std::string_view::npos, length);
  return std::string_view(out, size);
}

}  // namespace meridian
