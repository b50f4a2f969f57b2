#include "support/logical_request.h"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <string_view>

#include "support/h2_raw.h"
#include "support/temp_dir.h"

namespace meridian::testing {
namespace {

using Fields = LogicalRequest::Fields;
using Body = LogicalRequest::Body;

constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kUnreserved = "abcxyzABCXYZ019-._~";
constexpr std::string_view kSubDelims = "!$&'()*+,;=:@";
constexpr std::string_view kTokenLower = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz";

constexpr const char* kMethods[] = {"GET",   "GET",     "GET",      "HEAD",   "POST",     "POST",  "PUT",   "DELETE",
                                    "PATCH", "OPTIONS", "PROPFIND", "REPORT", "M-SEARCH", "PURGE", "QUERY", "BREW"};

std::string Escape(Seeded& chance) {
  // Of %00 nothing good can come; everything else is legal.
  constexpr std::string_view kUpper = "0123456789ABCDEF", kLower = "0123456789abcdef";
  const std::string_view digits = chance.OneIn(2) ? kUpper : kLower;
  const size_t byte = chance.Between(1, 255);
  const std::string escaped = {'%', digits[byte >> 4], digits[byte & 15]};
  // Behind an encoded slash dots would be refused.
  return byte == '/' || byte == '\\' ? escaped + "k" : escaped;
}

// What stands between slashes.
std::string Segment(Seeded& chance) {
  std::string out;
  for (size_t n = chance.Below(6); n > 0; --n) {
    switch (chance.Below(6)) {
      case 0:
        out += Escape(chance);
        break;
      case 1:
        out += chance.Text(kSubDelims, 1);
        break;
      default:
        out += chance.Text(kUnreserved, chance.Between(1, 4));
    }
  }
  return out;
}

std::string Target(Seeded& chance) {
  std::string out;
  // As many "..", in their spellings, as there is room for below the root.
  size_t depth = 0;
  for (size_t n = chance.Below(6); n > 0; --n) {
    const bool dots = chance.OneIn(5);
    if (dots && depth > 0 && chance.OneIn(2)) {
      constexpr const char* kUp[] = {"/..", "/%2e.", "/.%2E", "/%2e%2e"};
      out += chance.Of(kUp);
      --depth;
    } else if (dots) {
      constexpr const char* kHere[] = {"/.", "/%2e", "/%2E", "/"};
      out += chance.Of(kHere);
    } else {
      out += "/k" + Segment(chance);  // neither empty nor dots
      ++depth;
    }
  }
  if (out.empty() || chance.OneIn(3)) out += "/";
  if (chance.OneIn(2)) {
    out += "?";
    for (size_t n = chance.Below(4); n > 0; --n) out += Segment(chance) + (chance.OneIn(2) ? "&" : "/?");
  }
  return out;
}

std::string Authority(Seeded& chance) {
  constexpr const char* kHosts[] = {"shop.example",         "Shop.Example", "127.0.0.1", "[::1]",
                                    "[2001:DB8::7]",        "localhost",    "a",         "a_b.c-d",
                                    "xn--bcher-kva.example"};
  std::string out = chance.Of(kHosts);
  if (chance.OneIn(3)) out += ":" + std::to_string(chance.Below(65536));
  return out;
}

// field-value of RFC 9110 §5.5: visible, obs-text, blanks only inside.
std::string Value(Seeded& chance) {
  static const std::string kOdd = [] {
    std::string all;
    for (int c = 0x21; c < 0x100; ++c) {
      if (c != 0x7f) all += static_cast<char>(c);
    }
    return all;
  }();
  const size_t words = chance.Below(4);
  std::string out;
  for (size_t i = 0; i < words; ++i) {
    if (i > 0) out += chance.Text(" \t", chance.Between(1, 2));
    out += chance.OneIn(2) ? chance.Text(kOdd, chance.Between(1, 12)) : chance.Text(kLetters, chance.Between(1, 12));
  }
  return out;
}

std::string OddName(Seeded& chance) { return "z" + chance.Text(kTokenLower, chance.Between(3, 14)); }

// Fields that mean something to a proxy.
std::pair<std::string, std::string> KnownField(Seeded& chance) {
  static const Fields kKnown = {
      {"via", "1.0 fred, 1.1 p.example (Apache)"},
      {"x-forwarded-for", "203.0.113.7"},
      {"x-forwarded-proto", "gopher"},
      {"x-forwarded-host", "evil.example"},
      {"forwarded", "for=203.0.113.7"},
      {"x-meridian-region", "eu"},
      {"x-request-id", "mine"},
      {"cdn-loop", "other; v=\"1, 2\""},
      {"client-cert", ":Zm9v:"},
      {"client_cert", ":Zm9v:"},
      {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
      {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01x"},
      {"tracestate", "a=1"},
      {"accept-encoding", "gzip, br"},
      {"authorization", "Basic dGVzdDp0ZXN0"},
      {"content-type", "text/plain; charset=\"utf-8\""},
      {"user-agent", "curl/8.0"},
      {"range", "bytes=0-9"},
      {"if-none-match", "\"a\", W/\"b\""},
      {"idempotency-key", "7"},
      {"trailer", "x-sum"},
      {"priority", "u=1, i"},
      {"content-encoding", "identity"},
      {"grpc-timeout", "5S"},
  };
  return chance.Of(kKnown);
}

std::string Cookie(Seeded& chance) {
  return chance.Text(kLetters, chance.Between(1, 3)) + "=" +
         chance.Text("abc123!#$%&'()*+-./:<=>?@[]^_`{|}~", chance.Below(30));
}

Fields MakeFields(Seeded& chance) {
  Fields out;
  for (size_t n = chance.Below(9); n > 0; --n) {
    switch (chance.Below(6)) {
      case 0:
        out.emplace_back("cookie", Cookie(chance));
        break;
      case 1:
      case 2:
        out.push_back(KnownField(chance));
        break;
      case 3:
        if (!out.empty() && out.back().first != "cookie") {
          out.emplace_back(out[chance.Below(out.size())].first, Value(chance));  // once more
          if (out.back().first == "cookie") out.back().second = Cookie(chance);
          break;
        }
        [[fallthrough]];
      default:
        out.emplace_back(OddName(chance), Value(chance));
    }
  }
  return out;
}

// ---- HTTP/1.1

std::string AnyCase(std::string name, Seeded& chance) {
  const size_t style = chance.Below(3);
  for (char& c : name) {
    if (style == 0 || (style == 1 && chance.OneIn(2)))
      c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

std::string Blanks(Seeded& chance) { return chance.OneIn(2) ? " " : chance.Text(" \t", chance.Below(4)); }

std::string Line(const std::string& name, const std::string& value, Seeded& chance) {
  return AnyCase(name, chance) + ":" + Blanks(chance) + value + (chance.OneIn(4) ? Blanks(chance) : "") + "\r\n";
}

// Of one connection only; the origin must not hear of any of it.
void AddHopByHop(std::vector<std::string>& lines, const LogicalRequest& request, Seeded& chance) {
  std::string named = request.te_trailers ? "TE" : "";
  const auto name = [&](const std::string& n) { named += (named.empty() ? "" : ", ") + n; };
  const auto put = [&](const std::string& line) {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(chance.Below(lines.size() + 1)), line);
  };
  if (request.te_trailers) put(Line("te", chance.OneIn(2) ? "trailers" : "deflate;q=0.5, Trailers", chance));
  if (chance.OneIn(4)) {
    put(Line("X-Of-This-Hop", Value(chance), chance));
    name("x-Of-This-hop");
    if (chance.OneIn(2)) put(Line("X-Of-This-Hop", "", chance));
  }
  if (chance.OneIn(4)) name("keep-alive");
  if (chance.OneIn(4)) put(Line("keep-alive", "timeout=5, max=100", chance));
  if (chance.OneIn(8)) put(Line("proxy-connection", "keep-alive", chance));
  if (chance.OneIn(8)) {
    put(Line("upgrade", "h2c, TLS/1.3", chance));
    put(Line("http2-settings", "AAMAAABkAAQAAP__", chance));
    name("Upgrade");
    name("HTTP2-Settings");
  }
  if (chance.OneIn(16)) name("close");
  if (!named.empty() || chance.OneIn(16)) put(Line("connection", named, chance));
}

std::string Chunks(std::string_view body, const Fields& trailers, Seeded& chance) {
  std::string out;
  const auto head = [&](size_t size) {
    char digits[24];
    snprintf(digits, sizeof digits, chance.OneIn(2) ? "%zx" : "%zX", size);
    out += std::string(chance.OneIn(4) ? chance.Below(4) : 0, '0') + digits;
    // (After a value the parser takes no further extension.)
    constexpr const char* kExtensions[] = {";a=b", ";c=\"d e\"", ";f;g"};
    if (chance.OneIn(4)) out += chance.Of(kExtensions);
    out += "\r\n";
  };
  while (!body.empty()) {
    const size_t n = std::min(body.size(), chance.Between(1, chance.OneIn(2) ? 20'000 : 300));
    head(n);
    out += std::string(body.substr(0, n)) + "\r\n";
    body.remove_prefix(n);
  }
  head(0);
  for (const auto& [name, value] : trailers) out += Line(name, value, chance);
  return out + "\r\n";
}

}  // namespace

LogicalRequest MakeRequest(Seeded& chance) {
  LogicalRequest request;
  request.method = chance.Of(kMethods);
  request.target = request.method == "OPTIONS" && chance.OneIn(2) ? "*" : Target(chance);
  request.authority = Authority(chance);
  request.fields = MakeFields(chance);
  request.te_trailers = chance.OneIn(4);
  if (chance.OneIn(2)) {
    request.framing = chance.OneIn(2) ? Body::kLength : Body::kUnknownLength;
    request.body = PatternBytes(chance.OneIn(6) ? chance.Below(40'000) : chance.Below(200), chance.Next());
    request.expect = chance.OneIn(8);
    if (request.framing == Body::kUnknownLength && chance.OneIn(2)) {
      for (size_t n = chance.Between(1, 3); n > 0; --n) request.trailers.emplace_back(OddName(chance), Value(chance));
    }
  }
  return request;
}

std::string AsHttp1(const LogicalRequest& request, Seeded& chance) {
  std::vector<std::string> lines;
  const bool one_cookie = chance.OneIn(2);
  std::string cookies;
  size_t cookie_at = 0;
  for (const auto& [name, value] : request.fields) {
    if (one_cookie && name == "cookie") {
      if (cookies.empty()) cookie_at = lines.size();
      if (cookies.empty()) lines.emplace_back();
      cookies += (cookies.empty() ? "" : "; ") + value;
      continue;
    }
    lines.push_back(Line(name, value, chance));
  }
  if (!cookies.empty()) lines[cookie_at] = Line("cookie", cookies, chance);
  const auto put = [&](const std::string& line) {
    lines.insert(lines.begin() + static_cast<std::ptrdiff_t>(chance.Below(lines.size() + 1)), line);
  };
  if (request.expect) put(Line("expect", "100-Continue", chance));
  if (request.framing == Body::kLength) {
    // (Behind its digits the parser takes no tab.)
    put(AnyCase("content-length", chance) + ":" + Blanks(chance) + std::string(chance.OneIn(6) ? 2 : 0, '0') +
        std::to_string(request.body.size()) + std::string(chance.Below(2), ' ') + "\r\n");
  }
  if (request.framing == Body::kUnknownLength) put(Line("transfer-encoding", AnyCase("chunked", chance), chance));
  put(Line("host", request.authority, chance));
  AddHopByHop(lines, request, chance);

  std::string out = chance.OneIn(16) ? "\r\n" : "";
  std::string target = request.target;
  if (chance.OneIn(5)) {
    // Absolute form. It has no asterisk: the path is left out (RFC 9112 §3.2.4); and an empty path means "/".
    const std::string origin = (chance.OneIn(2) ? "http://" : "HTTP://") + request.authority;
    if (target == "*") target.clear();
    if (request.method != "OPTIONS" && (target == "/" || target.starts_with("/?")) && chance.OneIn(2))
      target.erase(0, 1);
    target.insert(0, origin);
  }
  out += request.method + " " + target + " HTTP/1.1\r\n";
  for (const std::string& line : lines) out += line;
  out += "\r\n";
  if (request.framing == Body::kLength) out += request.body;
  if (request.framing == Body::kUnknownLength) out += Chunks(request.body, request.trailers, chance);
  return out;
}

// ---- HTTP/2

namespace {

// RFC 7541 §6.2: with indexing, without, never.
std::string Literal(const std::string& name, const std::string& value, Seeded& chance) {
  constexpr char kKinds[] = {'\x40', '\0', '\x10'};
  return std::string(1, chance.Of(kKinds)) + h2::Text(name) + h2::Text(value);
}

std::string Padded(uint8_t type, uint8_t flags, uint32_t stream, std::string_view payload, Seeded& chance) {
  if (!chance.OneIn(6)) return h2::Frame(type, flags, stream, payload);
  const size_t padding = chance.Below(256);
  return h2::Frame(type, flags | h2::kPadded, stream,
                   std::string(1, static_cast<char>(padding)) + std::string(payload) + std::string(padding, '\0'));
}

// HEADERS and, if it likes, CONTINUATION.
std::string HeadFrames(const std::string& block, uint32_t stream, bool end_stream, Seeded& chance) {
  std::vector<size_t> cuts;
  if (chance.OneIn(4)) {
    for (size_t n = chance.Between(1, 4); n > 0; --n) cuts.push_back(chance.Below(block.size() + 1));
    std::sort(cuts.begin(), cuts.end());
  }
  cuts.push_back(block.size());
  std::string out;
  size_t at = 0;
  for (size_t i = 0; i < cuts.size(); ++i) {
    const uint8_t last = i + 1 == cuts.size() ? h2::kEndHeaders : 0;
    const std::string piece = block.substr(at, cuts[i] - at);
    at = cuts[i];
    if (i == 0) {
      out +=
          Padded(h2::kHeaders, static_cast<uint8_t>(last | (end_stream ? h2::kEndStream : 0)), stream, piece, chance);
    } else {
      out += h2::Frame(h2::kContinuation, last, stream, piece);
    }
  }
  return out;
}

}  // namespace

std::string AsHttp2(const LogicalRequest& request, uint32_t stream, Seeded& chance) {
  Fields pseudo = {
      {":method", request.method}, {":scheme", chance.OneIn(4) ? "https" : "http"}, {":path", request.target}};
  Fields fields;
  for (const auto& [name, value] : request.fields) {
    // Crumbs, or some of them together (RFC 9113 §8.2.3).
    const bool joins = name == "cookie" && !fields.empty() && fields.back().first == "cookie" && chance.OneIn(2);
    if (joins) {
      fields.back().second += "; " + value;
    } else {
      fields.emplace_back(name, value);
    }
  }
  const auto put = [&](const std::string& name, const std::string& value) {
    fields.insert(fields.begin() + static_cast<std::ptrdiff_t>(chance.Below(fields.size() + 1)), {name, value});
  };
  if (request.te_trailers) put("te", "trailers");
  if (request.expect) put("expect", "100-continue");
  if (request.framing == Body::kLength) put("content-length", std::to_string(request.body.size()));
  const size_t place = chance.Below(6);  // of the host
  if (place != 0) pseudo.emplace_back(":authority", request.authority);
  if (place <= 1) put("host", request.authority);
  for (size_t i = pseudo.size(); i > 1; --i) std::swap(pseudo[i - 1], pseudo[chance.Below(i)]);

  std::string block;
  for (const auto& [name, value] : pseudo) block += Literal(name, value, chance);
  for (const auto& [name, value] : fields) block += Literal(name, value, chance);
  const bool body = request.framing == Body::kUnknownLength || !request.body.empty();
  std::string out = HeadFrames(block, stream, !body, chance);
  if (!body) return out;
  std::string_view rest = request.body;
  const bool ends_itself = request.trailers.empty() && (rest.empty() || chance.OneIn(2));
  while (!rest.empty()) {
    const size_t n = std::min(rest.size(), chance.Between(1, chance.OneIn(2) ? 16'000 : 300));
    const bool last = n == rest.size() && request.trailers.empty() && !ends_itself;
    out += Padded(h2::kData, last ? h2::kEndStream : 0, stream, rest.substr(0, n), chance);
    rest.remove_prefix(n);
  }
  if (ends_itself) out += h2::Data(stream, "");
  if (request.trailers.empty()) return out;
  block.clear();
  for (const auto& [name, value] : request.trailers) block += Literal(name, value, chance);
  return out + HeadFrames(block, stream, true, chance);
}

std::string Printable(const std::string& bytes) {
  std::string out;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    char text[8];
    snprintf(text, sizeof text, byte >= 0x20 && byte < 0x7f && byte != '\\' ? "%c" : "\\x%02x", byte);
    out += c == '\n' ? "\\n\n" : text;
  }
  return out;
}

}  // namespace meridian::testing
