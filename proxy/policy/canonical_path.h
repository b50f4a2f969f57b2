// One spelling for each path, so that routing and the origin can never read a request's path in two ways.
//
// With kNormalize and kStrict, of the path (what stands before '?'; the query is never touched):
//   - %XX of a character that may stand in a path as it is (RFC 3986: unreserved, sub-delims, ':' and '@') becomes the
//     character, but %2B and %3B stay: some origins read '+' as a space and ';' as the begin of parameters;
//   - what may not ('|', '"', '[', bytes above 7F …) becomes %XX, and each %XX gets upper-case digits;
//   - empty segments ("//") and "." go, ".." takes the segment before it along (RFC 3986 §5.2.4);
//   - refused: a ".." above the root, '%' without two hex digits, %00, a backslash, and a dot segment at an encoded
//     slash or backslash ("a%2F..%2Fb"), which an origin that decodes too early would follow.
// Any other %2F or %5C stays what it is, a character of a name and no border between segments; kStrict refuses it.
// ';' means nothing. kAsIs changes and refuses nothing, for stores whose keys are bytes.
//
// Canonical paths stay as they are, at the cost of one scan. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "meridian/arena.h"

namespace meridian {

enum class PathPolicy : uint8_t { kNormalize, kStrict, kAsIs };

// `target`: path and query, beginning with '/', or "*". nullopt: to be refused with 400. A view of `target` itself if
// nothing had to be changed, else of the arena.
std::optional<std::string_view> CanonicalTarget(std::string_view target, PathPolicy policy, Arena& arena);

// How routes read a canonical target: %XX of a visible character is the character here, too, except for what would be
// read as something else (/ \ % ? #). So a route for "/a+b" or "/a|b" takes "/a%2Bb" and "/a%7Cb", which go on as they
// are. A view of `target` if that changes nothing, and with kAsIs. REQUIRES: CanonicalTarget returned it.
std::string_view RoutedTarget(std::string_view target, PathPolicy policy, Arena& arena);

}  // namespace meridian
