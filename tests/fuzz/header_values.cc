// The rules for values of fields: what they accept is of the form that they promise.
#include "fuzz/input.h"
#include "http/header_rules.h"
#include "meridian/arena.h"

using namespace meridian;
using meridian::testing::InputText;

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view text = InputText(data + 1, size - 1);
  Arena arena;
  if (const int64_t length = ParseContentLength(text); length != kUnknownLength) {
    Require(length >= 0 && text.find_first_not_of("0123456789") == std::string_view::npos);
  }
  if (IsAuthority(text)) {
    Require(text.find_first_of(std::string_view(" \t\r\n\0/\\@?#,\"<>", 15)) == std::string_view::npos);
    Require(IsAuthority(LowerCopy(arena, text)));
  }
  if (IsToken(text)) Require(IsToken(LowerCopy(arena, text)));
  ForEachElement(text, [](std::string_view element) {
    Require(!element.empty() && element.find(',') == std::string_view::npos && element.front() != ' ' &&
            element.back() != '\t');
  });
  // A field that Connection names does not travel on, wherever it stands in the list.
  HeaderBlock headers(&arena);
  headers.Add("connection", text);
  ForEachElement(text, [&](std::string_view name) {
    if (IsToken(name)) headers.Add(LowerCopy(arena, arena.Copy(name)), "1");
  });
  if (CheckConnection(headers) == 431) return 0;
  RemoveHopByHop(headers);
  ForEachElement(text, [&](std::string_view name) {
    const bool kept = EqualsIgnoreCase(name, "close") || EqualsIgnoreCase(name, "keep-alive");
    for (const Header& h : headers) Require(kept || !EqualsIgnoreCase(h.name, name) || h.id == HeaderId::kTe);
  });
  return 0;
}
