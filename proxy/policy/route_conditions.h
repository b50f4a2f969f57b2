// What a route wants of a request beside its host and path: method, scheme, header fields, cookies, query parameters.
//
// All conditions must hold. Of a field or parameter that occurs several times one value that fits is enough. Parameters
// are decoded as forms are: '+' is a space, %XX a byte, a '%' without two hex digits itself. Regular
// expressions are behind TextPattern, so that this layer needs no library. Pure; immutable once built.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "meridian/message.h"

namespace meridian {

// A regular expression. Any thread; takes time linear in the text.
class TextPattern {
 public:
  virtual ~TextPattern() = default;
  virtual bool MatchesWhole(std::string_view text) const = 0;
};

struct TextCondition {
  enum class Kind : uint8_t { kPresent, kAbsent, kExact, kPrefix, kPattern };
  std::string name;  // of a field: lower case
  Kind kind = Kind::kPresent;
  std::string text;  // as configured; of kPattern its source
  std::shared_ptr<const TextPattern> pattern;

  bool Fits(std::string_view value) const;
};

struct RouteConditions {
  std::vector<std::string> methods;  // one of them; empty: any
  std::string scheme;                // "http", "https"; empty: any
  std::vector<TextCondition> headers, cookies, query;

  // How much they ask for: of two routes with one host and path the one with more is asked first.
  size_t count() const {
    return (methods.empty() ? 0 : 1) + (scheme.empty() ? 0 : 1) + headers.size() + cookies.size() + query.size();
  }
};

// A request as routes see it.
struct RouteRequest {
  std::string_view method = "GET";
  std::string_view scheme = "http";  // that the client used, as far as that is known
  std::string_view authority = {};
  std::string_view target = "/";         // path and query
  const HeaderBlock* headers = nullptr;  // null: none
};

bool Fulfils(const RouteConditions& conditions, const RouteRequest& request);

}  // namespace meridian
