// UTF-8, read strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace meridian {

struct Utf8Char {
  uint32_t code = 0;
  size_t size = 1;  // bytes; 1 if not valid
  bool valid = false;
};

// The first character. REQUIRES: text is not empty.
Utf8Char DecodeUtf8(std::string_view text);
// Code points; each byte that belongs to none counts as one.
size_t CountUtf8(std::string_view text);

// Some editors open a file with U+FEFF, which says nothing.
std::string_view WithoutByteOrderMark(std::string_view text);

inline bool IsUtf8Continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }
// C0, DEL and C1: what could steer a terminal.
inline bool IsControl(uint32_t code) { return code < 0x20 || (code >= 0x7F && code < 0xA0); }

}  // namespace meridian
