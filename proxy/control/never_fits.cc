#include "control/never_fits.h"

#include "control/config_problems.h"
#include "policy/percent.h"

namespace meridian {
namespace {

constexpr std::string_view kBlanks = " \t";

std::string_view Trimmed(std::string_view text) {
  const size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) + 1 - first);
}

// Whether a text that begins with none of `begins`, or an empty one, may match.
bool MatchesOthers(const TextPattern& pattern, std::string_view begins) {
  const TextRange* range = pattern.range();
  if (!range || range->Holds("")) return true;
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    if (begins.find(c) == std::string_view::npos && range->HoldsBegin({&c, 1})) return true;
  }
  return false;
}

// The first %XX outside of brackets that no path has when it is matched, or nothing.
std::string_view FindMisspelt(std::string_view source, PathPolicy paths) {
  bool brackets = false;
  for (size_t at = 0; at < source.size(); ++at) {
    if (source[at] == '\\') {
      ++at;
    } else if (source[at] == '[' || source[at] == ']') {
      brackets = source[at] == '[';
    } else if (source[at] == '%' && !brackets && PercentByte(source, at) > 0) {
      const std::string path = "/" + std::string(source.substr(at, 3));
      std::string ignored;
      if (SpellPath(path, paths, &ignored) != path) return source.substr(at, 3);
    }
  }
  return {};
}

}  // namespace

NeverFits CheckCookieName(std::string_view name) {
  if (name.find('=') != std::string_view::npos) {
    return {"is no name of a cookie: it ends before '='", "write the value behind ':'"};
  }
  if (name.find(';') != std::string_view::npos) return {"is no name of a cookie: ';' ends one", ""};
  if (Trimmed(name) != name) return {"is no name of a cookie: blanks around it are no part of it", ""};
  return {};
}

NeverFits CheckCondition(const TextCondition& condition, ConditionOn on) {
  if (on == ConditionOn::kParameter) return {};  // decoded, they may be anything
  using Kind = TextCondition::Kind;
  const std::string_view text = condition.text;
  if (condition.kind == Kind::kPattern) {
    if (MatchesOthers(*condition.pattern, kBlanks)) return {};
    return {"never matches: values do not begin with a blank", "write it without"};
  }
  if (condition.kind != Kind::kExact && condition.kind != Kind::kPrefix) return {};
  if (on == ConditionOn::kCookie && text.find(';') != std::string_view::npos) {
    return {"never matches: ';' ends the value of a cookie", ""};
  }
  const std::string_view trimmed = Trimmed(text);
  const bool begins = trimmed.data() == text.data() || text.empty();
  if (begins && (condition.kind == Kind::kPrefix || trimmed == text)) return {};
  return {"never matches: blanks around a value are no part of it", "write " + Quoted(trimmed)};
}

std::string SpellPath(std::string_view path, PathPolicy paths, std::string* cure) {
  Arena arena;
  const std::optional<std::string_view> canonical = CanonicalTarget(path, paths, arena);
  if (!canonical) return {};
  const std::string_view routed = RoutedTarget(*canonical, paths, arena);
  if (*canonical == path || routed == path) return std::string(routed);
  *cure = "write " + Quoted(routed);
  return {};
}

NeverFits CheckPathPattern(const TextPattern& pattern, std::string_view source, PathPolicy paths) {
  const TextRange* range = pattern.range();
  if (range && !range->HoldsBegin("/") && !range->Holds("*")) {
    return {"never matches: it is the whole path, which begins with '/'", "begin it with '/' or '.*'"};
  }
  if (paths == PathPolicy::kAsIs) return {};
  if (const std::string_view misspelt = FindMisspelt(source, paths); !misspelt.empty()) {
    const int byte = PercentByte(misspelt, 0);
    const bool visible = byte > ' ' && byte < 0x7F && byte != '/' && byte != '\\';
    const bool operates = visible && std::string_view("$()*+.?[]^{|}").find(static_cast<char>(byte)) < 13;
    return {"never matches: no path has " + std::string(misspelt) + " when it is matched",
            visible ? "write " + Quoted((operates ? "\\" : "") + std::string(1, static_cast<char>(byte)))
                    : "write its digits in capitals"};
  }
  if (!range || range->least != range->most) return {};
  std::string cure;
  if (!SpellPath(range->least, paths, &cure).empty()) return {};
  return {"is not spelled as paths are when they are matched", cure};
}

}  // namespace meridian
