#include "control/config_values.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

namespace meridian {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

template <class T>
struct Unit {
  std::string_view name;
  T size;
};

// Largest first: formatting takes the first that fits.
constexpr std::array<Unit<int64_t>, 6> kDurationUnits{{{"h", 3'600'000'000'000},
                                                       {"m", 60'000'000'000},
                                                       {"s", 1'000'000'000},
                                                       {"ms", 1'000'000},
                                                       {"us", 1'000},
                                                       {"ns", 1}}};
constexpr std::array<Unit<uint64_t>, 4> kSizeUnits{
    {{"GiB", uint64_t{1} << 30}, {"MiB", uint64_t{1} << 20}, {"KiB", uint64_t{1} << 10}, {"B", 1}}};

template <class Units>
auto FindUnit(const Units& units, std::string_view name) -> decltype(units.data()) {
  const auto found = std::find_if(units.begin(), units.end(), [name](const auto& unit) { return unit.name == name; });
  return found == units.end() ? nullptr : &*found;
}

template <class Units, class T>
std::string FormatIn(const Units& units, T value, std::string_view of_zero) {
  if (value == 0) return "0" + std::string(of_zero);
  const auto unit = std::find_if(units.begin(), units.end(), [value](const auto& u) { return value % u.size == 0; });
  return std::to_string(value / unit->size) + std::string(unit->name);
}

// "12.345" as a whole number and the digits behind the point.
struct Decimal {
  int64_t value = 0;      // 12345
  int fraction = 0;       // 3
  std::string_view rest;  // what follows
};

constexpr size_t kMaxDigits = 15;  // more than any value here needs, less than an int64_t holds

std::optional<Decimal> TakeDecimal(std::string_view text) {
  Decimal out;
  size_t i = 0, digits = 0;
  bool point = false;
  for (; i < text.size() && (IsDigit(text[i]) || (text[i] == '.' && !point && digits > 0)); ++i) {
    if (text[i] == '.') {
      point = true;
      continue;
    }
    if (++digits > kMaxDigits) return std::nullopt;
    out.value = out.value * 10 + (text[i] - '0');
    out.fraction += point ? 1 : 0;
  }
  if (digits == 0 || (point && out.fraction == 0)) return std::nullopt;
  out.rest = text.substr(i);
  return out;
}

// value × size / 10^fraction, if that is whole and fits.
std::optional<int64_t> Scale(const Decimal& decimal, int64_t size) {
  int64_t scaled = 0;
  if (__builtin_mul_overflow(decimal.value, size, &scaled)) return std::nullopt;
  for (int i = 0; i < decimal.fraction; ++i) {
    if (scaled % 10 != 0) return std::nullopt;
    scaled /= 10;
  }
  return scaled;
}

std::string_view TrimSpaces(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

bool ParseStatus(std::string_view text, int* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  return text.size() == 3 && error == std::errc() && end == text.data() + text.size();
}

}  // namespace

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = ToLower(c);
  return lower;
}

std::string ParseDuration(std::string_view text, Duration* out) {
  const std::optional<Decimal> number = TakeDecimal(text);
  if (!number) return "must be a duration such as 800ms, 2s or 1m";
  const auto* unit = FindUnit(kDurationUnits, number->rest);
  if (unit == nullptr) return "needs a unit: us, ms, s, m or h";
  const std::optional<int64_t> value = Scale(*number, unit->size);
  if (!value) return "has more digits than a duration can keep";
  *out = Duration(*value);
  return {};
}

std::string FormatDuration(Duration duration) { return FormatIn(kDurationUnits, duration.count(), "s"); }

std::string ParseSize(std::string_view text, uint64_t* out) {
  const std::optional<Decimal> number = TakeDecimal(text);
  if (!number) return "must be a size such as 64KiB, 1MiB or 4096";
  const auto* unit = FindUnit(kSizeUnits, number->rest.empty() ? "B" : number->rest);
  if (unit == nullptr) return "needs a unit: B, KiB, MiB or GiB";
  const std::optional<int64_t> value = Scale(*number, static_cast<int64_t>(unit->size));
  if (!value) return "must be a whole number of bytes";
  *out = static_cast<uint64_t>(*value);
  return {};
}

std::string FormatSize(uint64_t bytes) { return FormatIn(kSizeUnits, bytes, ""); }

std::string ParsePercent(std::string_view text, uint32_t* ppm) {
  const std::optional<Decimal> number = TakeDecimal(text);
  if (!number || number->rest != "%") return "must be a percentage such as 99% or 0.5%";
  const std::optional<int64_t> value = Scale(*number, 10'000);
  if (!value) return "has more than four decimals";
  if (*value > int64_t{kMaxWeight}) return "must not be more than 100%";
  *ppm = static_cast<uint32_t>(*value);
  return {};
}

std::string FormatPercent(uint32_t ppm) {
  std::string out = std::to_string(ppm / 10'000);
  if (const uint32_t rest = ppm % 10'000; rest != 0) {
    out += '.' + std::to_string(10'000 + rest).substr(1);
    while (out.back() == '0') out.pop_back();
  }
  return out + '%';
}

std::string ParseInteger(std::string_view text, int64_t* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out);
  if (error == std::errc::result_out_of_range) return "is a number too large to read";
  if (error != std::errc() || end != text.data() + text.size()) return "must be a whole number";
  return {};
}

std::string ParseNumber(std::string_view text, double* out) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *out, std::chars_format::fixed);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(*out) ? std::string() : "must be a number";
}

std::string ParseStatuses(std::string_view text, int least, StatusSet* out) {
  const size_t dash = text.find('-');
  const std::string_view low = TrimSpaces(text.substr(0, dash));
  const std::string_view high = dash == std::string_view::npos ? low : TrimSpaces(text.substr(dash + 1));
  int first = 0, last = 0;
  if (!ParseStatus(low, &first) || !ParseStatus(high, &last)) {
    return "must be a status such as 503 or a range such as 502-504";
  }
  if (first < least || last > StatusSet::kMax) {
    return "must be within " + std::to_string(least) + " and " + std::to_string(StatusSet::kMax);
  }
  if (first > last) return "is a range from high to low";
  out->Add(first, last);
  return {};
}

}  // namespace meridian
