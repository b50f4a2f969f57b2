#include "meridian/message.h"

#include <algorithm>
#include <cstring>
#include <memory>
#include <utility>

namespace meridian {
namespace {

// REQUIRES: text.size() == N - 1. The constant length lets the compiler turn this into one or two word compares.
template <size_t N>
bool Is(std::string_view text, const char (&literal)[N]) {
  return std::memcmp(text.data(), literal, N - 1) == 0;
}

}  // namespace

HeaderId IdentifyHeader(std::string_view n) {
  using enum HeaderId;
  switch (n.size()) {
    case 2:
      if (Is(n, "te")) return kTe;
      break;
    case 3:
      if (Is(n, "via")) return kVia;
      break;
    case 4:
      if (Is(n, "host")) return kHost;
      if (Is(n, "date")) return kDate;
      if (Is(n, "etag")) return kEtag;
      break;
    case 6:
      if (Is(n, "accept")) return kAccept;
      if (Is(n, "cookie")) return kCookie;
      if (Is(n, "server")) return kServer;
      if (Is(n, "origin")) return kOrigin;
      if (Is(n, "expect")) return kExpect;
      break;
    case 7:
      if (Is(n, "trailer")) return kTrailer;
      if (Is(n, "upgrade")) return kUpgrade;
      break;
    case 8:
      if (Is(n, "if-match")) return kIfMatch;
      if (Is(n, "cdn-loop")) return kCdnLoop;
      break;
    case 9:
      if (Is(n, "forwarded")) return kForwarded;
      break;
    case 10:
      if (Is(n, "tracestate")) return kTracestate;
      if (Is(n, "user-agent")) return kUserAgent;
      if (Is(n, "connection")) return kConnection;
      if (Is(n, "keep-alive")) return kKeepAlive;
      break;
    case 11:
      if (Is(n, "traceparent")) return kTraceparent;
      if (Is(n, "retry-after")) return kRetryAfter;
      break;
    case 12:
      if (Is(n, "content-type")) return kContentType;
      if (Is(n, "x-request-id")) return kXRequestId;
      break;
    case 13:
      if (Is(n, "authorization")) return kAuthorization;
      break;
    case 14:
      if (Is(n, "content-length")) return kContentLength;
      break;
    case 15:
      if (Is(n, "x-forwarded-for")) return kXForwardedFor;
      if (Is(n, "idempotency-key")) return kIdempotencyKey;
      break;
    case 16:
      if (Is(n, "x-forwarded-host")) return kXForwardedHost;
      if (Is(n, "proxy-connection")) return kProxyConnection;
      break;
    case 17:
      if (Is(n, "transfer-encoding")) return kTransferEncoding;
      if (Is(n, "x-forwarded-proto")) return kXForwardedProto;
      break;
    default:
      break;
  }
  return kOther;
}

Method IdentifyMethod(std::string_view token) {
  using enum Method;
  switch (token.size()) {
    case 3:
      if (Is(token, "GET")) return kGet;
      if (Is(token, "PUT")) return kPut;
      break;
    case 4:
      if (Is(token, "POST")) return kPost;
      if (Is(token, "HEAD")) return kHead;
      break;
    case 5:
      if (Is(token, "PATCH")) return kPatch;
      if (Is(token, "TRACE")) return kTrace;
      if (Is(token, "QUERY")) return kOtherSafe;
      break;
    case 6:
      if (Is(token, "DELETE")) return kDelete;
      if (Is(token, "REPORT") || Is(token, "SEARCH")) return kOtherSafe;
      break;
    case 7:
      if (Is(token, "OPTIONS")) return kOptions;
      if (Is(token, "CONNECT")) return kConnect;
      break;
    case 8:
      if (Is(token, "PROPFIND")) return kOtherSafe;
      break;
    default:
      break;
  }
  return kOther;
}

std::string_view Name(HttpVersion v) {
  switch (v) {
    case HttpVersion::kHttp10:
      return "HTTP/1.0";
    case HttpVersion::kHttp11:
      return "HTTP/1.1";
    case HttpVersion::kHttp2:
      return "HTTP/2";
  }
  return "HTTP/1.1";
}

void HeaderBlock::Grow() {
  uint32_t capacity = capacity_ == 0 ? kFirstCapacity : capacity_ * 2;
  auto* data = static_cast<Header*>(arena_->Allocate(capacity * sizeof(Header), alignof(Header)));
  std::uninitialized_copy(begin(), end(), data);
  data_ = data;  // the old array stays in the arena until all of it goes
  capacity_ = capacity;
}

void HeaderBlock::Set(HeaderId id, std::string_view name, std::string_view value) {
  Header* first = std::find_if(begin(), end(), [id](const Header& h) { return h.id == id; });
  if (first == end()) return Add(name, value, id);
  *first = {name, value, id};
  Header* kept = std::remove_if(first + 1, end(), [id](const Header& h) { return h.id == id; });
  size_ = static_cast<uint32_t>(kept - begin());
}

void HeaderBlock::Append(HeaderId id, std::string_view name, std::string_view entry) {
  const auto held = [id](const Header& h) { return h.id == id && !h.value.empty(); };
  if (std::none_of(begin(), end(), held)) return Set(id, name, entry);
  Set(id, name, arena_->Gather([&](const auto& put) {
    for (const Header& h : *this) {
      if (!held(h)) continue;
      put(h.value);
      put(", ");
    }
    put(entry);
  }));
}

void HeaderBlock::Join(HeaderId id, std::string_view name, std::string_view separator) {
  if (std::count_if(begin(), end(), [id](const Header& h) { return h.id == id; }) < 2) return;
  Set(id, name, arena_->Gather([&](const auto& put) {
    bool first = true;
    for (const Header& h : *this) {
      if (h.id != id) continue;
      if (!std::exchange(first, false)) put(separator);
      put(h.value);
    }
  }));
}

void HeaderBlock::Remove(HeaderId id) {
  size_ = static_cast<uint32_t>(std::remove_if(begin(), end(), [id](const Header& h) { return h.id == id; }) - begin());
}

void HeaderBlock::RemoveNamed(std::string_view lower_name) {
  Header* kept = std::remove_if(begin(), end(), [lower_name](const Header& h) { return h.name == lower_name; });
  size_ = static_cast<uint32_t>(kept - begin());
}

const Header* HeaderBlock::Find(HeaderId id) const {
  const Header* found = std::find_if(begin(), end(), [id](const Header& h) { return h.id == id; });
  return found == end() ? nullptr : found;
}

bool EqualsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (ToLower(a[i]) != ToLower(b[i])) return false;
  }
  return true;
}

std::string_view WithoutPort(std::string_view authority) {
  const size_t from = authority.starts_with('[') ? authority.find(']') : 0;
  return from == std::string_view::npos ? authority : authority.substr(0, authority.find(':', from));
}

bool BeginsField(std::string_view name, std::string_view prefix) {
  if (name.size() < prefix.size()) return false;
  return std::equal(prefix.begin(), prefix.end(), name.begin(), [](char want, char have) {
    return have == want || (have == '_' && want == '-') || (have == '-' && want == '_');
  });
}

bool IsSameField(std::string_view a, std::string_view b) { return a.size() == b.size() && BeginsField(a, b); }

bool IsGrpc(const HeaderBlock& headers) { return headers.Get(HeaderId::kContentType).starts_with("application/grpc"); }

}  // namespace meridian
