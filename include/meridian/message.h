// Heads of HTTP messages as Meridian sees them, independent of the version that carried them.
//
// Header text lives in an Arena and is referenced by views. Names are lower case. Framing (Content-Length,
// Transfer-Encoding, Host, Connection) is not in the list: codecs turn it into the fields of the head when they
// read and back into bytes when they write, so that no layer above can produce an ambiguous message.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#include "meridian/arena.h"

namespace meridian {

// Headers that some rule looks at; everything else is kOther and travels untouched.
enum class HeaderId : uint8_t {
  kOther,
  kAccept,
  kAuthorization,
  kCdnLoop,
  kConnection,
  kContentLength,
  kContentType,
  kCookie,
  kDate,
  kEtag,
  kExpect,
  kForwarded,
  kHost,
  kIdempotencyKey,
  kIfMatch,
  kKeepAlive,
  kOrigin,
  kProxyConnection,
  kRetryAfter,
  kServer,
  kTe,
  kTraceparent,
  kTracestate,
  kTrailer,
  kTransferEncoding,
  kUpgrade,
  kUserAgent,
  kVia,
  kXForwardedFor,
  kXForwardedHost,
  kXForwardedProto,
  kXRequestId,
};

// `name` must be lower case.
HeaderId IdentifyHeader(std::string_view lower_name);

struct Header {
  std::string_view name;
  std::string_view value;
  HeaderId id = HeaderId::kOther;
};

// A list of headers in order of arrival. The array lives in the arena given at construction; a block without arena
// can only be read. A copy shares the array of its source: change one of the two only.
class HeaderBlock {
 public:
  HeaderBlock() = default;
  explicit HeaderBlock(Arena* arena) : arena_(arena) {}

  Arena* arena() const { return arena_; }
  // Views must outlive the block (arena text or literals).
  void Add(std::string_view name, std::string_view value, HeaderId id) {
    if (size_ == capacity_) Grow();
    ::new (data_ + size_++) Header{name, value, id};
  }
  void Add(std::string_view name, std::string_view value) { Add(name, value, IdentifyHeader(name)); }
  void AddCopy(std::string_view name, std::string_view value) { Add(arena_->Copy(name), arena_->Copy(value)); }
  // Replaces every header with this id by one, at the place of the first; added at the end when there was none.
  void Set(HeaderId id, std::string_view name, std::string_view value);
  // The header as one list of all it held, with `entry` at its end (RFC 9110 §5.3).
  // Empty elements are left out. In one allocation.
  void Append(HeaderId id, std::string_view name, std::string_view entry);
  // Every header with this id as one, their values in a row. In one allocation, in none for a single value.
  void Join(HeaderId id, std::string_view name, std::string_view separator);
  void Remove(HeaderId id);
  void RemoveNamed(std::string_view lower_name);
  // Removes each header of which `f` says so.
  template <typename F>
  void RemoveIf(F f) {
    Header* const end = std::remove_if(begin(), this->end(), f);
    size_ = static_cast<uint32_t>(end - data_);
  }
  // The first one, or null.
  const Header* Find(HeaderId id) const;
  // The first value, or empty.
  std::string_view Get(HeaderId id) const {
    const Header* h = Find(id);
    return h ? h->value : std::string_view{};
  }
  void Clear() { size_ = 0; }

  Header* begin() { return data_; }
  Header* end() { return data_ + size_; }
  const Header* begin() const { return data_; }
  const Header* end() const { return data_ + size_; }
  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  static constexpr uint32_t kFirstCapacity = 16;  // most heads fit
  void Grow();

  Arena* arena_ = nullptr;
  Header* data_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

constexpr char ToLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
// Of ASCII letters the case is ignored.
bool EqualsIgnoreCase(std::string_view a, std::string_view b);

// One field to whoever takes `_` for `-`, as CGI and its heirs do: "client_cert" and "client-cert". Lower case.
bool IsSameField(std::string_view a, std::string_view b);
// The same for what begins so: `prefix` "x-meridian-" for "x_meridian_region".
bool BeginsField(std::string_view name, std::string_view prefix);

// "shop.example:8443" → "shop.example", "[::1]:8443" → "[::1]".
std::string_view WithoutPort(std::string_view authority);

// A message of gRPC, by its content-type.
bool IsGrpc(const HeaderBlock& headers);

enum class Method : uint8_t {
  kGet,
  kHead,
  kPost,
  kPut,
  kDelete,
  kOptions,
  kTrace,
  kPatch,
  kConnect,
  kOtherSafe,  // one that only asks, by IANA's registry: PROPFIND, QUERY, REPORT, SEARCH
  kOther
};
Method IdentifyMethod(std::string_view token);  // case-sensitive (RFC 9110 §9.1)
// RFC 9110 §9.2.2.
constexpr bool IsIdempotent(Method m) {
  return m == Method::kGet || m == Method::kHead || m == Method::kPut || m == Method::kDelete ||
         m == Method::kOptions || m == Method::kTrace || m == Method::kOtherSafe;
}

enum class HttpVersion : uint8_t { kHttp10, kHttp11, kHttp2 };
std::string_view Name(HttpVersion v);  // "HTTP/1.0" "HTTP/1.1" "HTTP/2", as in logs

inline constexpr int64_t kUnknownLength = -1;

struct RequestHead {
  Method method = Method::kGet;
  std::string_view method_text = "GET";
  std::string_view scheme;     // "http" or "https", as the client's connection says
  std::string_view authority;  // Host or :authority, lower case
  std::string_view path;       // origin form with query, at least "/" (or "*" for OPTIONS)
  HttpVersion version = HttpVersion::kHttp11;
  int64_t content_length = kUnknownLength;
  bool has_body = false;         // a body may follow (not the same as its length being known)
  bool expect_continue = false;  // the client waits for 100 before it sends its body
  // A GET that asks to go on as a WebSocket (RFC 6455, over HTTP/2 RFC 8441). After a 101 the bodies of both
  // directions are its bytes; until then it has none.
  bool websocket = false;
  HeaderBlock headers;
};

struct ResponseHead {
  int status = 0;
  HttpVersion version = HttpVersion::kHttp11;
  int64_t content_length = kUnknownLength;
  HeaderBlock headers;
};

// 1xx, 204, 304 and every answer to HEAD carry no body (RFC 9112 §6.3).
constexpr bool ResponseHasBody(Method request, int status) {
  return request != Method::kHead && status >= 200 && status != 204 && status != 304;
}

}  // namespace meridian
