#include "telemetry/json_text.h"

#include <array>
#include <cstdint>

namespace meridian {
namespace {

// Bytes that stand for themselves. Almost every byte of a log line is one of these, so they are copied in runs.
constexpr std::array<bool, 256> kPlain = [] {
  std::array<bool, 256> plain{};
  for (size_t c = 0x20; c < 0x7f; ++c) plain[c] = c != '"' && c != '\\';
  return plain;
}();

uint8_t ByteAt(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// Length of the valid, shortest-form UTF-8 sequence of more than one byte at `i` (RFC 3629); 0: there is none.
size_t MultiByteLength(std::string_view text, size_t i) {
  const uint8_t lead = ByteAt(text, i);
  const size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                        : (lead & 0xf0) == 0xe0        ? 3
                        : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                       : 0;
  if (length == 0 || text.size() - i < length) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((ByteAt(text, i + k) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = ByteAt(text, i + 1);
  const bool overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  const bool surrogate = lead == 0xed && second > 0x9f;
  const bool too_large = lead == 0xf4 && second > 0x8f;
  return overlong || surrogate || too_large ? 0 : length;
}

void AppendEscape(uint8_t code, std::string* out) {
  constexpr char kHex[] = "0123456789abcdef";
  const char escape[] = {'\\', 'u', '0', '0', kHex[code >> 4], kHex[code & 15]};
  out->append(escape, sizeof escape);
}

// Appends what stands at `i`, which is not a plain byte. Returns how many bytes of `text` that were.
size_t AppendSpecial(std::string_view text, size_t i, std::string* out) {
  const uint8_t c = ByteAt(text, i);
  if (c == '"' || c == '\\') {
    out->push_back('\\');
    out->push_back(text[i]);
    return 1;
  }
  const size_t length = c < 0x80 ? 0 : MultiByteLength(text, i);
  if (length == 0) {
    AppendEscape(c, out);
    return 1;
  }
  const bool c1_control = c == 0xc2 && ByteAt(text, i + 1) < 0xa0;
  if (c1_control) {
    AppendEscape(ByteAt(text, i + 1), out);
  } else {
    out->append(text, i, length);
  }
  return length;
}

}  // namespace

void AppendJsonString(std::string_view text, std::string* out) {
  out->push_back('"');
  size_t i = 0;
  while (i < text.size()) {
    size_t run = i;
    while (run < text.size() && kPlain[ByteAt(text, run)]) ++run;
    out->append(text, i, run - i);
    i = run;
    if (i < text.size()) i += AppendSpecial(text, i, out);
  }
  out->push_back('"');
}

bool AppendJsonString(std::string_view text, size_t most, std::string* out) {
  constexpr size_t kLongestEscape = 6;
  if (text.size() <= most / kLongestEscape) {
    AppendJsonString(text, out);
    return true;
  }
  out->push_back('"');
  const size_t begin = out->size();
  size_t i = 0, kept = begin;
  while (i < text.size()) {
    if (kPlain[ByteAt(text, i)]) {
      out->push_back(text[i++]);
    } else {
      i += AppendSpecial(text, i, out);
    }
    if (out->size() - begin > most) break;
    kept = out->size();
  }
  const bool whole = kept == out->size();
  out->resize(kept);
  out->push_back('"');
  return whole;
}

}  // namespace meridian
