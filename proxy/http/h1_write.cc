#include "http/h1_write.h"

#include <algorithm>
#include <charconv>

namespace meridian {
namespace {

// Room kept for "\r\n0\r\n\r\n" and a chunk's size line.
constexpr size_t kChunkOverhead = 24;

constexpr std::string_view kSwitchToWebSocket = "connection: upgrade\r\nupgrade: websocket\r\n";

// Where heads are written, beside an OutBuffer.
struct Rest {
  std::string& text;
  void Append(std::string_view more) { text.append(more); }
  void Append(const void* bytes, size_t n) { text.append(static_cast<const char*>(bytes), n); }
};

size_t HeadBytes(const HeaderBlock& headers) {
  size_t total = 512;  // start line's fixed parts and framing fields
  for (const Header& h : headers) total += h.name.size() + h.value.size() + 4;
  return total;
}

template <typename Out>
void WriteFields(const HeaderBlock& headers, Out& out) {
  for (const Header& h : headers) {
    out.Append(h.name);
    out.Append(": ");
    out.Append(h.value);
    out.Append("\r\n");
  }
}

template <typename Out>
void WriteNumber(int64_t value, int base, Out& out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, value, base).ptr;
  out.Append(digits, static_cast<size_t>(end - digits));
}

template <typename Out>
void WriteLength(int64_t length, Out& out) {
  out.Append("content-length: ");
  WriteNumber(length, 10, out);
  out.Append("\r\n");
}

template <typename Out>
void WriteHead(const RequestHead& head, H1Framing framing, Out& out) {
  out.Append(head.method_text);
  out.Append(" ");
  out.Append(head.path);
  out.Append(" HTTP/1.1\r\nhost: ");
  out.Append(head.authority);
  out.Append("\r\n");
  WriteFields(head.headers, out);
  if (framing == H1Framing::kLength) WriteLength(head.content_length, out);
  if (framing == H1Framing::kChunked) out.Append("transfer-encoding: chunked\r\n");
  if (head.expect_continue && framing != H1Framing::kNone) out.Append("expect: 100-continue\r\n");
  // te is hop-by-hop: it must be named (RFC 9110 §10.1.4).
  if (head.headers.Find(HeaderId::kTe)) out.Append("connection: te\r\n");
  if (head.websocket) out.Append(kSwitchToWebSocket);
  out.Append("\r\n");
}

template <typename Out>
void WriteHead(const ResponseHead& head, H1Framing framing, bool emit_length, H1Connection connection, Out& out) {
  out.Append("HTTP/1.1 ");
  WriteNumber(head.status, 10, out);
  out.Append(" ");
  out.Append(ReasonPhrase(head.status));
  out.Append("\r\n");
  WriteFields(head.headers, out);
  if (emit_length) WriteLength(head.content_length, out);
  if (framing == H1Framing::kChunked) out.Append("transfer-encoding: chunked\r\n");
  if (connection == H1Connection::kClose) out.Append("connection: close\r\n");
  if (connection == H1Connection::kKeepAlive) out.Append("connection: keep-alive\r\n");
  if (head.status == 101) out.Append(kSwitchToWebSocket);
  out.Append("\r\n");
}

template <typename... Head>
void WriteWhereThereIsRoom(size_t bytes, OutBuffer& out, std::string& rest, const Head&... head) {
  if (rest.empty() && bytes <= out.room()) return WriteHead(head..., out);
  Rest behind{rest};
  WriteHead(head..., behind);
}

}  // namespace

void WriteRequestHead(const RequestHead& head, H1Framing framing, OutBuffer& out, std::string& rest) {
  const size_t line = head.path.size() + head.authority.size() + head.method_text.size();
  WriteWhereThereIsRoom(HeadBytes(head.headers) + line, out, rest, head, framing);
}

void WriteResponseHead(const ResponseHead& head, H1Framing framing, bool emit_length, H1Connection connection,
                       OutBuffer& out, std::string& rest) {
  WriteWhereThereIsRoom(HeadBytes(head.headers), out, rest, head, framing, emit_length, connection);
}

bool SendRest(std::string& rest, OutBuffer& out) {
  const size_t n = std::min(rest.size(), out.room());
  out.Append(rest.data(), n);
  if (n == rest.size()) {
    std::string().swap(rest);  // idle connections own no buffers
    return true;
  }
  rest.erase(0, n);
  return false;
}

bool WriteBody(BodyPipe& body, H1Framing framing, OutBuffer& out) {
  const bool chunked = framing == H1Framing::kChunked;
  while (body.size() > 0 && out.room() > kChunkOverhead) {
    const size_t room = out.room() - (chunked ? kChunkOverhead : 0);
    size_t take = std::min(body.size(), room);
    if (chunked) {
      WriteNumber(static_cast<int64_t>(take), 16, out);
      out.Append("\r\n");
    }
    // One chunk over several slices.
    while (take > 0) {
      const auto front = body.Front();
      const size_t n = std::min(front.size(), take);
      out.Append(front.data(), n);
      body.Consume(n);
      take -= n;
    }
    if (chunked) out.Append("\r\n");
  }
  if (!body.AtEnd()) return false;
  if (!chunked) return true;
  if (out.room() < HeadBytes(body.trailers())) return false;
  out.Append("0\r\n");
  WriteFields(body.trailers(), out);
  out.Append("\r\n");
  return true;
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 103:
      return "Early Hints";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 508:
      return "Loop Detected";
    case 505:
      return "HTTP Version Not Supported";
    default:
      return "";
  }
}

}  // namespace meridian
