#include "http/header_rules.h"

#include <array>

namespace meridian {
namespace {

constexpr std::array<bool, 256> MakeTokenTable() {
  std::array<bool, 256> table{};
  for (unsigned char c = '0'; c <= '9'; ++c) table[c] = true;
  for (unsigned char c = 'a'; c <= 'z'; ++c) table[c] = true;
  for (unsigned char c = 'A'; c <= 'Z'; ++c) table[c] = true;
  for (unsigned char c : {'!', '#', '$', '%', '&', '\'', '*', '+', '-', '.', '^', '_', '`', '|', '~'}) table[c] = true;
  return table;
}
constexpr auto kToken = MakeTokenTable();

void RemoveNamedByConnection(HeaderBlock& headers) {
  // Values first: removing shifts the array.
  std::array<std::string_view, kMaxConnectionNames> names;
  size_t count = 0;
  for (const Header& h : headers) {
    if (h.id != HeaderId::kConnection) continue;
    ForEachElement(h.value, [&](std::string_view name) {
      if (count < names.size() && !EqualsIgnoreCase(name, "close") && !EqualsIgnoreCase(name, "keep-alive"))
        names[count++] = name;
    });
  }
  for (size_t i = 0; i < count; ++i) {
    headers.RemoveNamed(LowerCopy(*headers.arena(), names[i]));
  }
}

}  // namespace

int CheckConnection(const HeaderBlock& headers) {
  size_t count = 0;
  bool framing = false;
  for (const Header& h : headers) {
    if (h.id != HeaderId::kConnection) continue;
    ForEachElement(h.value, [&](std::string_view name) {
      if (EqualsIgnoreCase(name, "close") || EqualsIgnoreCase(name, "keep-alive")) return;
      ++count;
      framing |= EqualsIgnoreCase(name, "host") || EqualsIgnoreCase(name, "content-length") ||
                 EqualsIgnoreCase(name, "transfer-encoding");
    });
  }
  return count > kMaxConnectionNames ? 431 : framing ? 400 : 0;
}

void RemoveHopByHop(HeaderBlock& headers) {
  bool any = false;
  bool te_trailers = false;
  for (const Header& h : headers) {
    switch (h.id) {
      case HeaderId::kTe:
        ForEachElement(h.value, [&](std::string_view v) { te_trailers |= EqualsIgnoreCase(v, "trailers"); });
        any = true;
        break;
      case HeaderId::kConnection:
      case HeaderId::kKeepAlive:
      case HeaderId::kProxyConnection:
      case HeaderId::kTransferEncoding:
      case HeaderId::kUpgrade:
        any = true;
        break;
      default:
        break;
    }
  }
  if (!any) return;
  RemoveNamedByConnection(headers);
  for (HeaderId id : {HeaderId::kConnection, HeaderId::kKeepAlive, HeaderId::kProxyConnection, HeaderId::kTe,
                      HeaderId::kTransferEncoding, HeaderId::kUpgrade}) {
    headers.Remove(id);
  }
  if (te_trailers) headers.Add("te", "trailers", HeaderId::kTe);
}

bool IsOfConnection(HeaderId id) {
  using enum HeaderId;
  return id == kConnection || id == kContentLength || id == kTransferEncoding || id == kKeepAlive ||
         id == kProxyConnection || id == kUpgrade || id == kExpect || id == kTe;
}

bool AsksForWebSocket(const HeaderBlock& headers) {
  bool named = false, websocket = false;
  for (const Header& h : headers) {
    if (h.id == HeaderId::kConnection) {
      ForEachElement(h.value, [&](std::string_view v) { named |= EqualsIgnoreCase(v, "upgrade"); });
    }
    if (h.id == HeaderId::kUpgrade) {
      ForEachElement(h.value, [&](std::string_view v) { websocket |= EqualsIgnoreCase(v, "websocket"); });
    }
  }
  return named && websocket;
}

int TakeExpect(HeaderBlock& headers) {
  int found = 0;
  for (const Header& h : headers) {
    if (h.id != HeaderId::kExpect) continue;
    if (!EqualsIgnoreCase(h.value, "100-continue")) return 417;
    found = 100;
  }
  if (found) headers.Remove(HeaderId::kExpect);
  return found;
}

bool IsTokenChar(char c) { return kToken[static_cast<unsigned char>(c)]; }

bool IsToken(std::string_view text) {
  for (char c : text) {
    if (!IsTokenChar(c)) return false;
  }
  return !text.empty();
}

int CheckMethod(std::string_view method) {
  if (!IsToken(method)) return 400;
  const auto letter = [](char c) { return c >= 'A' && c <= 'Z'; };
  const auto other = [](char c) { return (c >= '0' && c <= '9') || c == '-' || c == '_'; };
  if (method.size() > kMaxMethodBytes || !letter(method.front())) return 501;
  for (char c : method) {
    if (!letter(c) && !other(c)) return 501;
  }
  return 0;
}

bool IsAuthority(std::string_view text) {
  if (text.empty() || text.size() > 512) return false;
  std::string_view rest = text;
  if (rest.front() == '[') {
    const size_t close = rest.find(']');
    if (close == std::string_view::npos || close < 3) return false;
    for (char c : rest.substr(1, close - 1)) {
      const char l = ToLower(c);
      if (!((l >= '0' && l <= '9') || (l >= 'a' && l <= 'f') || l == ':' || l == '.')) return false;
    }
    rest.remove_prefix(close + 1);
  } else {
    const size_t end = rest.find(':');
    const std::string_view host = rest.substr(0, end);
    if (host.empty()) return false;
    for (char c : host) {
      const char l = ToLower(c);
      const bool plain = (l >= '0' && l <= '9') || (l >= 'a' && l <= 'z') || l == '-' || l == '.' || l == '_' ||
                         l == '~' || l == '!' || l == '$' || l == '&' || l == '\'' || l == '(' || l == ')' ||
                         l == '*' || l == '+' || l == ';' || l == '=';
      if (!plain) return false;
    }
    rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end);
  }
  if (rest.empty()) return true;
  if (rest.front() != ':' || rest.size() > 6) return false;
  rest.remove_prefix(1);
  unsigned port = 0;
  for (char c : rest) {
    if (c < '0' || c > '9') return false;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  return port <= 65535;  // an empty port is allowed (RFC 3986 §3.2.3)
}

std::string_view LowerCopy(Arena& arena, std::string_view text) {
  bool upper = false;
  for (char c : text) upper |= c >= 'A' && c <= 'Z';
  if (!upper) return text;
  char* p = static_cast<char*>(arena.Allocate(text.size(), 1));
  for (size_t i = 0; i < text.size(); ++i) p[i] = ToLower(text[i]);
  return {p, text.size()};
}

int64_t ParseContentLength(std::string_view text) {
  if (text.empty() || text.size() > 18) return kUnknownLength;
  int64_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return kUnknownLength;
    value = value * 10 + (c - '0');
  }
  return value;
}

uint64_t FieldsCost(const HeaderBlock& headers) {
  uint64_t cost = 0;
  for (const Header& h : headers) cost += h.name.size() + h.value.size() + 32;
  return cost;
}

uint64_t HeadCost(const RequestHead& head) {
  constexpr uint64_t kRest = 512;  // pseudo-fields and framing
  return kRest + head.path.size() + head.authority.size() + FieldsCost(head.headers);
}

uint64_t HeadCost(const ResponseHead& head) { return 512 + FieldsCost(head.headers); }

int ParseStatus(std::string_view text) {
  if (text.size() != 3 || text[0] < '1') return 0;
  int status = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return 0;
    status = status * 10 + (c - '0');
  }
  return status;
}

TrailerRule RuleOfTrailer(HeaderId id) {
  switch (id) {
    case HeaderId::kContentLength:
    case HeaderId::kTransferEncoding:
    case HeaderId::kHost:
    case HeaderId::kConnection:
    case HeaderId::kTe:
    case HeaderId::kUpgrade:
    case HeaderId::kKeepAlive:
    case HeaderId::kProxyConnection:
      return TrailerRule::kRefuse;
    case HeaderId::kTrailer:
    case HeaderId::kAuthorization:
    case HeaderId::kCookie:
    case HeaderId::kContentType:
    case HeaderId::kExpect:
      return TrailerRule::kDrop;
    default:
      return TrailerRule::kPass;
  }
}

}  // namespace meridian
