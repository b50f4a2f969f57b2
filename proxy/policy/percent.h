// Percent-encoding (RFC 3986 §2.1). Pure.
#pragma once

#include <cstddef>
#include <string_view>

namespace meridian {

constexpr int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// The byte that text[at…at+2], a '%' and two digits, stands for; −1: it is no such thing. REQUIRES: text[at] is '%'.
constexpr int PercentByte(std::string_view text, size_t at) {
  if (text.size() - at < 3) return -1;
  const int high = HexValue(text[at + 1]), low = HexValue(text[at + 2]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

}  // namespace meridian
