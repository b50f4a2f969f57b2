#include "policy/route_conditions.h"

#include <algorithm>

#include "policy/percent.h"

namespace meridian {
namespace {

// Decodes as forms do; on the stack, since routes are found without allocation.
class FormText {
 public:
  explicit FormText(std::string_view raw) : text_(raw) {
    if (raw.find_first_of("%+") == std::string_view::npos) return;
    size_t size = 0;
    for (size_t i = 0; i < raw.size() && size < sizeof buffer_; ++i) {
      const int byte = raw[i] == '%' ? PercentByte(raw, i) : -1;
      buffer_[size++] = byte >= 0 ? static_cast<char>(byte) : raw[i] == '+' ? ' ' : raw[i];
      if (byte >= 0) i += 2;
    }
    text_ = {buffer_, size};
  }
  FormText(const FormText&) = delete;
  FormText& operator=(const FormText&) = delete;
  std::string_view view() const { return text_; }

 private:
  char buffer_[kLongestTarget];
  std::string_view text_;
};

bool FieldHolds(const TextCondition& condition, const HeaderBlock* headers, PatternBudget& budget) {
  const bool absent = condition.kind == TextCondition::Kind::kAbsent;
  if (headers == nullptr) return absent;
  const auto fits = [&](const Header& h) { return h.name == condition.name && condition.Fits(h.value, budget); };
  return std::any_of(headers->begin(), headers->end(), fits) != absent;
}

// Calls f(name, value) for each "name=value" between separators until it says true, and says so.
template <typename F>
bool AnyPair(std::string_view list, char separator, F f) {
  while (!list.empty()) {
    std::string_view pair = list.substr(0, list.find(separator));
    list.remove_prefix(std::min(pair.size() + 1, list.size()));
    const size_t equals = std::min(pair.find('='), pair.size());
    if (f(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())))) return true;
  }
  return false;
}

bool ParameterHolds(const TextCondition& condition, std::string_view query, PatternBudget& budget) {
  const bool found = AnyPair(query, '&', [&](std::string_view name, std::string_view value) {
    return FormText(name).view() == condition.name && condition.Fits(FormText(value).view(), budget);
  });
  return found != (condition.kind == TextCondition::Kind::kAbsent);
}

std::string_view Trimmed(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  return text.substr(0, text.find_last_not_of(" \t") + 1);
}

// RFC 6265 §4.2.1.
bool CookieHolds(const TextCondition& condition, const HeaderBlock* headers, PatternBudget& budget) {
  const auto fits = [&](std::string_view name, std::string_view value) {
    return Trimmed(name) == condition.name && condition.Fits(Trimmed(value), budget);
  };
  bool found = false;
  for (const Header& h : headers ? *headers : HeaderBlock()) {
    found = found || (h.id == HeaderId::kCookie && AnyPair(h.value, ';', fits));
  }
  return found != (condition.kind == TextCondition::Kind::kAbsent);
}

}  // namespace

bool PatternBudget::Matches(const TextPattern& pattern, std::string_view text) {
  // Of thousands of expressions most are for other paths, which their first bytes say.
  if (spent_ || (pattern.range() && !pattern.range()->Holds(text))) return false;
  constexpr size_t kEach = 16;  // bytes, for the call
  const size_t steps = (text.size() + kEach) * pattern.StepsPerByte();
  spent_ = steps > left_;
  if (spent_) return false;
  left_ -= steps;
  return pattern.MatchesWhole(text);
}

bool TextCondition::Fits(std::string_view value, PatternBudget& budget) const {
  switch (kind) {
    case Kind::kPresent:
    case Kind::kAbsent:
      return true;
    case Kind::kExact:
      return value == text;
    case Kind::kPrefix:
      return value.starts_with(text);
    case Kind::kPattern:
      return budget.Matches(*pattern, value);
  }
  return false;
}

bool Fulfils(const RouteConditions& conditions, const RouteRequest& request, PatternBudget& budget) {
  const auto& methods = conditions.methods;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), request.method) == methods.end()) return false;
  if (!conditions.scheme.empty() && conditions.scheme != request.scheme) return false;
  const auto field_holds = [&](const TextCondition& c) { return FieldHolds(c, request.headers, budget); };
  if (!std::all_of(conditions.headers.begin(), conditions.headers.end(), field_holds)) return false;
  const auto cookie_holds = [&](const TextCondition& c) { return CookieHolds(c, request.headers, budget); };
  if (!std::all_of(conditions.cookies.begin(), conditions.cookies.end(), cookie_holds)) return false;
  if (conditions.query.empty()) return true;
  const size_t mark = request.target.find('?');
  const std::string_view query = mark == std::string_view::npos ? std::string_view() : request.target.substr(mark + 1);
  const auto parameter_holds = [&](const TextCondition& c) { return ParameterHolds(c, query, budget); };
  return std::all_of(conditions.query.begin(), conditions.query.end(), parameter_holds);
}

}  // namespace meridian
