// What a route wants of a request beside its host and path: method, scheme, header fields, cookies, query parameters.
//
// All conditions must hold. Of a field or parameter that occurs several times one value that fits is enough. Blanks
// around the name and the value of a cookie are no part of them. Parameters are decoded as forms are: '+' is a space,
// %XX a byte, a '%' without two hex digits itself. Regular expressions are behind TextPattern, so that this layer needs
// no library. Pure; immutable once built.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "meridian/message.h"

namespace meridian {

// What limits.max_target_bytes may be at most: parameters of a query are compared on the stack.
inline constexpr size_t kLongestTarget = 32 * 1024;

// Texts between two, compared as bytes.
struct TextRange {
  std::string least, most;

  bool Holds(std::string_view text) const { return least <= text && text <= most; }
  // Whether there may be one that begins so.
  bool HoldsBegin(std::string_view begin) const { return most >= begin && least.substr(0, begin.size()) <= begin; }
};

// A regular expression. Any thread; takes time linear in the text.
class TextPattern {
 public:
  virtual ~TextPattern() = default;
  virtual bool MatchesWhole(std::string_view text) const = 0;
  // All texts that match are in it. Null: that is not known.
  virtual const TextRange* range() const { return nullptr; }
  // What a byte of text costs at the worst, in steps of some 10 ns.
  virtual size_t StepsPerByte() const { return 1; }
};

// What all expressions together may cost one request: each is linear, but there may be 4096 of them, and texts are the
// client's. Counted is the worst, which is 1000 times what is usual.
class PatternBudget {
 public:
  static constexpr size_t kSteps = 4 << 20;  // 40 ms at the worst

  // False also once the budget is spent: then nothing that was found means anything.
  bool Matches(const TextPattern& pattern, std::string_view text);
  bool spent() const { return spent_; }

 private:
  size_t left_ = kSteps;
  bool spent_ = false;
};

struct TextCondition {
  enum class Kind : uint8_t { kPresent, kAbsent, kExact, kPrefix, kPattern };
  std::string name;  // of a field: lower case
  Kind kind = Kind::kPresent;
  std::string text;  // as configured; of kPattern its source
  std::shared_ptr<const TextPattern> pattern;

  bool Fits(std::string_view value, PatternBudget& budget) const;
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

bool Fulfils(const RouteConditions& conditions, const RouteRequest& request, PatternBudget& budget);

}  // namespace meridian
