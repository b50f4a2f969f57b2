#include "policy/resume_rules.h"

#include <algorithm>
#include <charconv>

namespace meridian {
namespace {

// The only field of that name, or null.
const Header* Only(const HeaderBlock& headers, std::string_view name) {
  const Header* found = nullptr;
  for (const Header& h : headers) {
    if (h.name != name) continue;
    if (found) return nullptr;
    found = &h;
  }
  return found;
}

bool Has(const HeaderBlock& headers, std::string_view name) {
  for (const Header& h : headers) {
    if (h.name == name) return true;
  }
  return false;
}

bool IsIdentity(const HeaderBlock& headers) {
  for (const Header& h : headers) {
    if (h.name == "content-encoding" && h.value != "identity") return false;
  }
  return true;
}

bool IsMultipart(std::string_view type) {
  constexpr std::string_view kMultipart = "multipart/";
  return type.size() >= kMultipart.size() &&
         std::equal(kMultipart.begin(), kMultipart.end(), type.begin(),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b + ('a' - 'A') : b); });
}

// Digits only, no sign, no spaces, no leading zeros, no overflow.
bool TakeNumber(std::string_view* text, uint64_t* number) {
  const bool leading_zero = text->size() > 1 && text->front() == '0' && (*text)[1] >= '0' && (*text)[1] <= '9';
  if (text->empty() || leading_zero || text->front() < '0' || text->front() > '9') return false;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), *number);
  if (problem != std::errc()) return false;
  text->remove_prefix(static_cast<size_t>(end - text->data()));
  return true;
}

bool Take(std::string_view* text, std::string_view prefix) {
  if (!text->starts_with(prefix)) return false;
  text->remove_prefix(prefix.size());
  return true;
}

bool IsContentRange(std::string_view text, uint64_t next, uint64_t total) {
  uint64_t first = 0, last = 0, length = 0;
  return Take(&text, "bytes ") && TakeNumber(&text, &first) && Take(&text, "-") && TakeNumber(&text, &last) &&
         Take(&text, "/") && TakeNumber(&text, &length) && text.empty() && first == next && last + 1 == total &&
         length == total;
}

}  // namespace

bool IsStrongEtag(std::string_view etag) {
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return false;
  for (const char c : etag.substr(1, etag.size() - 2)) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x21 || u == '"' || u == 0x7f) return false;
  }
  return true;
}

bool Resumable(const RequestHead& request, const ResponseHead& response) {
  if (request.method != Method::kGet || request.has_body || Has(request.headers, "range")) return false;
  if (response.status != 200 || response.content_length <= 0 || !IsIdentity(response.headers)) return false;
  const Header* etag = Only(response.headers, "etag");
  if (!etag || !IsStrongEtag(etag->value)) return false;
  const Header* ranges = Only(response.headers, "accept-ranges");
  return !ranges || ranges->value != "none";
}

void AskForRest(RequestHead& request, std::string_view etag, uint64_t next) {
  HeaderBlock& headers = request.headers;
  for (const char* name :
       {"range", "if-range", "if-match", "if-none-match", "if-modified-since", "if-unmodified-since"}) {
    headers.RemoveNamed(name);
  }
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, next).ptr;
  headers.Add("range",
              headers.arena()->Concat("bytes=", std::string_view(digits, static_cast<size_t>(end - digits)), "-"));
  headers.Add("if-range", etag);
}

bool ContinuesExactly(const ResponseHead& response, std::string_view etag, uint64_t next, uint64_t total) {
  if (response.status != 206 || next >= total || !IsIdentity(response.headers)) return false;
  if (response.content_length != static_cast<int64_t>(total - next)) return false;
  // What several ranges would be wrapped in are bytes of their own; no such answer has a Content-Range (§15.3.7.2).
  for (const Header& h : response.headers) {
    if (h.name == "content-type" && IsMultipart(h.value)) return false;
  }
  const Header* same = Only(response.headers, "etag");
  const Header* range = Only(response.headers, "content-range");
  return same && same->value == etag && range && IsContentRange(range->value, next, total);
}

}  // namespace meridian
