// The part of config_values.h that is about hosts, addresses and URLs.
#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

#include "control/config.h"
#include "control/config_problems.h"
#include "control/config_values.h"
#include "net/address.h"

namespace meridian {
namespace {

constexpr size_t kMaxName = 63;
constexpr size_t kMaxHostName = 253;
constexpr size_t kMaxPath = 2048;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsAlnum(char c) { return IsDigit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsHostChar(char c) { return IsAlnum(c) || c == '-' || c == '_' || c == '.'; }

bool IsPort(std::string_view text, uint16_t* port) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), *port);
  return error == std::errc() && end == text.data() + text.size();
}

// host[:port], where host may be a v6 literal in brackets.
struct HostPort {
  std::string_view host;  // without brackets
  bool bracketed = false;
  std::optional<std::string_view> port;
};

std::string SplitHostPort(std::string_view text, HostPort* out) {
  size_t host_end = text.find(':');
  if (!text.empty() && text.front() == '[') {
    const size_t bracket = text.find(']');
    if (bracket == std::string_view::npos) return "has '[' without ']'";
    out->bracketed = true;
    out->host = text.substr(1, bracket - 1);
    host_end = bracket + 1;
    if (host_end < text.size() && text[host_end] != ':') return "has something other than a port behind ']'";
  } else {
    out->host = text.substr(0, host_end);
  }
  if (host_end >= text.size()) return {};
  out->port = text.substr(host_end + 1);
  if (out->port->find(':') != std::string_view::npos) return "needs brackets around an IPv6 address: [::1]:8080";
  return {};
}

std::string CheckHostOf(const HostPort& parts) {
  if (!parts.bracketed) return CheckHostName(parts.host);
  const std::optional<Endpoint> literal = ParseIpLiteral(parts.host, 0);
  return literal && literal->v6 ? std::string() : "has no IPv6 address between the brackets";
}

std::string CheckLabel(std::string_view label) {
  if (label.empty()) return "has an empty label (two dots, or one at an end)";
  if (label.size() > kMaxName) return "has a label of more than 63 characters";
  if (label.front() == '-' || label.back() == '-') return "has a label with '-' at an end";
  return {};
}

struct Scheme {
  std::string_view name;
  OriginProtocol protocol;
  uint16_t port;
};
constexpr std::array<Scheme, 4> kSchemes{{{"http", OriginProtocol::kHttp, 80},
                                          {"https", OriginProtocol::kHttps, 443},
                                          {"h2c", OriginProtocol::kH2c, 80},
                                          {"h2", OriginProtocol::kH2, 443}}};

// The authority of an origin URL: everything behind "://" but for one '/'.
std::string TakeAuthority(std::string_view rest, std::string_view* authority) {
  *authority = rest.substr(0, rest.find_first_of("/?#"));
  const std::string_view tail = rest.substr(authority->size());
  if (authority->find('@') != std::string_view::npos) return "must not hold a user name or password";
  if (tail.find_first_of("?#") != std::string_view::npos) return "must not hold a query or fragment";
  if (!tail.empty() && tail != "/") return "must not hold a path: requests keep their own";
  if (authority->empty()) return "has no host";
  return {};
}

}  // namespace

std::string CheckName(std::string_view text) {
  if (text.empty() || text.size() > kMaxName) return "must be 1 to 63 characters long";
  const bool good = std::all_of(text.begin(), text.end(), IsHostChar);
  if (!good || !IsAlnum(text.front())) {
    return "must be letters, digits, '_', '.' or '-', and begin with a letter or digit";
  }
  return {};
}

std::string CheckHostName(std::string_view text) {
  if (text.empty()) return "must not be empty";
  if (text.size() > kMaxHostName) return "must not be longer than 253 characters";
  if (!std::all_of(text.begin(), text.end(), IsHostChar)) {
    return "must be letters, digits, '-', '_' and dots (an international name in its xn-- form)";
  }
  std::string_view label;
  for (size_t begin = 0; begin <= text.size(); begin += label.size() + 1) {
    label = text.substr(begin, text.find('.', begin) - begin);
    if (std::string error = CheckLabel(label); !error.empty()) return error;
  }
  // Else "10.0.0" or "127.1" would be looked up as names, or read by some library as an address.
  if (std::all_of(label.begin(), label.end(), IsDigit) && !ParseIpLiteral(text, 0)) {
    return "is neither a name nor an IPv4 address";
  }
  return {};
}

std::string CheckHostHeader(std::string_view text) {
  HostPort parts;
  if (std::string error = SplitHostPort(text, &parts); !error.empty()) return error;
  uint16_t port = 0;
  if (parts.port && !IsPort(*parts.port, &port)) return "has no port between 0 and 65535 behind ':'";
  return CheckHostOf(parts);
}

std::string CheckHostPattern(std::string_view text) {
  if (text == "*") return "must be a name or *.suffix; leave it out to match every host";
  const bool suffix = text.substr(0, 2) == "*.";
  HostPort parts;
  if (std::string error = SplitHostPort(suffix ? text.substr(2) : text, &parts); !error.empty()) return error;
  if (parts.port) return "must not hold a port: routes match on every port";
  if (suffix && parts.bracketed) return "must not have an address behind '*.'";
  return CheckHostOf(parts);
}

std::string CheckPath(std::string_view text, bool query) {
  if (text.empty() || text.front() != '/') return "must begin with '/'";
  if (text.size() > kMaxPath) return "must not be longer than 2048 characters";
  const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (!printable) return "must be printable ASCII without spaces (%XX for the rest)";
  if (text.find('#') != std::string_view::npos) return "must not hold a fragment";
  if (!query && text.find('?') != std::string_view::npos) return "must not hold a query";
  return {};
}

std::string ParseListenAddress(std::string_view text, Endpoint* out) {
  HostPort parts;
  if (std::string error = SplitHostPort(text, &parts); !error.empty()) return error;
  uint16_t port = 0;
  if (!parts.port) return "needs a port, as in 127.0.0.1:8080";
  if (!IsPort(*parts.port, &port)) return "must have a port between 0 and 65535 behind ':'";
  const std::optional<Endpoint> endpoint = ParseIpLiteral(parts.host == "localhost" ? "127.0.0.1" : parts.host, port);
  if (!endpoint || endpoint->v6 != parts.bracketed) {
    return "must be an IP address and a port, as in 0.0.0.0:8443 or [::]:8443";
  }
  *out = *endpoint;
  return {};
}

bool IsLoopback(const Endpoint& endpoint) {
  if (!endpoint.v6) return endpoint.ip[0] == 127;
  std::array<uint8_t, 16> one{};
  one[15] = 1;
  return endpoint.ip == one;
}

std::string ParseOriginUrl(std::string_view url, OriginModel* out) {
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return "must be a URL such as http://10.0.0.1:8080";
  const auto scheme =
      std::find_if(kSchemes.begin(), kSchemes.end(), [&](const Scheme& s) { return s.name == url.substr(0, colon); });
  if (scheme == kSchemes.end()) {
    return "has the scheme " + Quoted(url.substr(0, colon)) + ", not http, https, h2c or h2";
  }
  std::string_view authority;
  if (std::string error = TakeAuthority(url.substr(colon + 3), &authority); !error.empty()) return error;
  HostPort parts;
  if (std::string error = SplitHostPort(authority, &parts); !error.empty()) return error;
  if (std::string error = CheckHostOf(parts); !error.empty()) return "has a host that " + error;
  uint16_t port = scheme->port;
  if (parts.port && (!IsPort(*parts.port, &port) || port == 0))
    return "must have a port between 1 and 65535 behind ':'";
  const std::string host(parts.host);
  const std::string literal = parts.bracketed ? "[" + host + "]" : host;
  *out = {std::string(url), scheme->protocol, host, port,
          port == scheme->port ? literal : literal + ":" + std::to_string(port)};
  return {};
}

}  // namespace meridian
