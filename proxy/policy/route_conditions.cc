#include "policy/route_conditions.h"

#include <algorithm>

namespace meridian {
namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = ToLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// `text` itself if nothing is encoded in it, else a view of `scratch`.
std::string_view Decoded(std::string_view text, std::string& scratch) {
  if (text.find_first_of("%+") == std::string_view::npos) return text;
  scratch.clear();
  for (size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? HexDigit(text[i + 1]) : -1;
    const int low = high >= 0 ? HexDigit(text[i + 2]) : -1;
    if (low >= 0) {
      scratch += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      scratch += text[i] == '+' ? ' ' : text[i];
    }
  }
  return scratch;
}

bool FieldHolds(const TextCondition& condition, const HeaderBlock* headers) {
  const bool absent = condition.kind == TextCondition::Kind::kAbsent;
  if (headers == nullptr) return absent;
  const auto fits = [&](const Header& h) { return h.name == condition.name && condition.Fits(h.value); };
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

bool ParameterHolds(const TextCondition& condition, std::string_view query) {
  std::string name_scratch, value_scratch;
  const bool found = AnyPair(query, '&', [&](std::string_view name, std::string_view value) {
    return Decoded(name, name_scratch) == condition.name && condition.Fits(Decoded(value, value_scratch));
  });
  return found != (condition.kind == TextCondition::Kind::kAbsent);
}

// RFC 6265 §4.2.1; blanks around a pair are no part of it.
bool CookieHolds(const TextCondition& condition, const HeaderBlock* headers) {
  const auto fits = [&](std::string_view name, std::string_view value) {
    name.remove_prefix(std::min(name.find_first_not_of(" \t"), name.size()));
    value = value.substr(0, value.find_last_not_of(" \t") + 1);
    return name == condition.name && condition.Fits(value);
  };
  bool found = false;
  for (const Header& h : headers ? *headers : HeaderBlock()) {
    found = found || (h.id == HeaderId::kCookie && AnyPair(h.value, ';', fits));
  }
  return found != (condition.kind == TextCondition::Kind::kAbsent);
}

}  // namespace

bool TextCondition::Fits(std::string_view value) const {
  switch (kind) {
    case Kind::kPresent:
    case Kind::kAbsent:
      return true;
    case Kind::kExact:
      return value == text;
    case Kind::kPrefix:
      return value.starts_with(text);
    case Kind::kPattern:
      return pattern->MatchesWhole(value);
  }
  return false;
}

bool Fulfils(const RouteConditions& conditions, const RouteRequest& request) {
  const auto& methods = conditions.methods;
  if (!methods.empty() && std::find(methods.begin(), methods.end(), request.method) == methods.end()) return false;
  if (!conditions.scheme.empty() && conditions.scheme != request.scheme) return false;
  const auto field_holds = [&](const TextCondition& c) { return FieldHolds(c, request.headers); };
  if (!std::all_of(conditions.headers.begin(), conditions.headers.end(), field_holds)) return false;
  const auto cookie_holds = [&](const TextCondition& c) { return CookieHolds(c, request.headers); };
  if (!std::all_of(conditions.cookies.begin(), conditions.cookies.end(), cookie_holds)) return false;
  if (conditions.query.empty()) return true;
  const size_t mark = request.target.find('?');
  const std::string_view query = mark == std::string_view::npos ? std::string_view() : request.target.substr(mark + 1);
  const auto parameter_holds = [&](const TextCondition& c) { return ParameterHolds(c, query); };
  return std::all_of(conditions.query.begin(), conditions.query.end(), parameter_holds);
}

}  // namespace meridian
