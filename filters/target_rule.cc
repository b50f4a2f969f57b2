#include "filters/target_rule.h"

#include <algorithm>

namespace meridian {
namespace {

std::string_view WithoutSlash(std::string_view path) {
  while (path.ends_with('/')) path.remove_suffix(1);
  return path;
}

// How many bytes of `target` the route's path stands for: a character of it may be written as %XX there.
size_t MatchedLength(std::string_view target, std::string_view matched) {
  size_t at = 0;
  for (const char c : matched) at += c != '%' && at < target.size() && target[at] == '%' ? 3 : 1;
  return std::min(at, target.size());
}

}  // namespace

std::string_view RewriteTarget(std::string_view target, const TargetRule& rule, std::string_view matched,
                               Arena& arena) {
  if (!target.starts_with('/')) return target;  // OPTIONS *
  const size_t path_end = std::min(target.find('?'), target.size());
  if (!rule.path.empty()) return arena.Concat(rule.path, target.substr(path_end));
  if (rule.prefix.empty()) return target;
  std::string_view rest = target.substr(MatchedLength(target, WithoutSlash(matched)));  // with the query
  const std::string_view prefix = WithoutSlash(rule.prefix);
  // "/old" and "/old?x" have no slash of their own.
  const bool bare = !rest.starts_with('/');
  if (bare) return arena.Concat(rule.prefix, rest);
  while (rest.starts_with("//")) rest.remove_prefix(1);
  return arena.Concat(prefix, rest);
}

}  // namespace meridian
