#include "filters/max_forwards.h"

#include <algorithm>
#include <charconv>

namespace meridian {
namespace {

constexpr std::string_view kName = "max-forwards";
constexpr size_t kMostDigits = 9;  // larger ones count as the largest of these

bool TellsTheWay(const Header& h) {
  return h.name == kName || h.id == HeaderId::kVia || h.id == HeaderId::kCdnLoop || h.id == HeaderId::kUserAgent ||
         h.id == HeaderId::kAccept;
}

std::string_view Reflection(const RequestHead& request, const StreamContext& context) {
  const std::string_view version = request.version == HttpVersion::kHttp2 ? "HTTP/2.0" : Name(request.version);
  Arena& arena = *request.headers.arena();
  const std::string_view start =
      arena.Concat("TRACE ", request.path, " ", version, "\r\nhost: ", context.authority, "\r\n");
  // Once, as large as it gets: a client chooses how many fields there are.
  size_t size = start.size() + 2;
  for (const Header& h : request.headers) size += TellsTheWay(h) ? h.name.size() + h.value.size() + 4 : 0;
  char* const text = static_cast<char*>(arena.Allocate(size, 1));
  char* at = text;
  const auto append = [&at](std::string_view part) { at = std::copy(part.begin(), part.end(), at); };
  append(start);
  for (const Header& h : request.headers) {
    if (!TellsTheWay(h)) continue;
    for (const std::string_view part : {h.name, std::string_view(": "), h.value, std::string_view("\r\n")})
      append(part);
  }
  append("\r\n");
  return {text, size};
}

// The number in one field of digits.
std::optional<uint32_t> Read(const HeaderBlock& headers) {
  std::optional<uint32_t> number;
  for (const Header& h : headers) {
    if (h.name != kName) continue;
    if (number || h.value.empty() || h.value.find_first_not_of("0123456789") != std::string_view::npos) return {};
    std::string_view digits = h.value;
    while (digits.size() > 1 && digits.front() == '0') digits.remove_prefix(1);
    if (digits.size() > kMostDigits) digits = "999999999";
    number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), *number);
  }
  return number;
}

bool HasField(const HeaderBlock& headers) {
  for (const Header& h : headers) {
    if (h.name == kName) return true;
  }
  return false;
}

}  // namespace

std::optional<LocalReply> MaxForwards::OnRequest(RequestHead& request, StreamContext& context) const {
  if (request.method != Method::kOptions && request.method != Method::kTrace) return std::nullopt;
  HeaderBlock& headers = request.headers;
  if (!HasField(headers)) return std::nullopt;
  const std::optional<uint32_t> left = Read(headers);
  if (!left) return LocalReply{.status = 400, .body = "", .refused = true};
  if (*left > 0) {
    char* const digits = static_cast<char*>(headers.arena()->Allocate(kMostDigits, 1));
    const char* const end = std::to_chars(digits, digits + kMostDigits, *left - 1).ptr;
    headers.RemoveNamed(kName);
    headers.Add(kName, {digits, static_cast<size_t>(end - digits)}, HeaderId::kOther);
    return std::nullopt;
  }
  if (request.method == Method::kOptions) return LocalReply{.status = 200, .body = ""};
  return LocalReply{.status = 200, .content_type = "message/http", .body = Reflection(request, context)};
}

}  // namespace meridian
