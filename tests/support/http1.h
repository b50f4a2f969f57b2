// HTTP/1.1 messages for test clients and origins: enough to speak it correctly and to notice what was cut, lenient
// otherwise. Bodies are kept in memory unless DropBodies() is called.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/connection.h"

namespace meridian::testing {

class Headers {
 public:
  Headers() = default;
  Headers(std::initializer_list<std::pair<std::string, std::string>> list) : list_(list) {}
  void Add(std::string name, std::string value) { list_.emplace_back(std::move(name), std::move(value)); }
  // The first value, or empty. Case does not matter.
  std::string Get(std::string_view name) const;
  bool Has(std::string_view name) const { return Count(name) > 0; }
  size_t Count(std::string_view name) const;
  auto begin() const { return list_.begin(); }
  auto end() const { return list_.end(); }
  bool empty() const { return list_.empty(); }

 private:
  std::vector<std::pair<std::string, std::string>> list_;
};

struct HttpRequest {
  std::string method = "GET";
  std::string target = "/";
  std::string version = "HTTP/1.1";
  Headers headers{};
  std::string body{};  // sent with content-length if not empty
};

struct HttpResponse {
  int status = 0;  // 0: no head arrived
  Headers headers;
  std::string body;
  Headers trailers;
  std::vector<int> interim;  // the 1xx before it
  bool complete = false;     // the framing says that nothing is missing
  std::string error;         // why it is not complete
};

// Reads messages from one connection; bytes beyond a message stay for the next one.
class MessageReader {
 public:
  explicit MessageReader(Connection* connection) : connection_(connection) {}

  // The start line and headers. False at the end of the connection (or a reset, or the deadline: see end()).
  bool ReadHead(std::string* start_line, Headers* headers, const Deadline& deadline);
  // The body as `headers` frame it. `until_close`: without framing the body ends with the connection.
  bool ReadBody(const Headers& headers, bool until_close, std::string* body, Headers* trailers,
                const Deadline& deadline);
  // From now on bodies are counted, not kept: for uploads larger than memory should hold.
  void DropBodies() { drop_bodies_ = true; }
  // Bytes of the body that was read last.
  uint64_t body_bytes() const { return body_bytes_; }
  ReadEnd end() const { return end_; }
  bool has_leftover() const { return !buffer_.empty(); }

 private:
  bool More(const Deadline& deadline);
  bool ReadLine(std::string* line, const Deadline& deadline);
  bool ReadHeaders(Headers* headers, const Deadline& deadline);
  bool ReadPiece(uint64_t size, std::string* body, const Deadline& deadline);
  bool ReadChunked(std::string* body, Headers* trailers, const Deadline& deadline);

  Connection* connection_;
  std::string buffer_;
  bool drop_bodies_ = false;
  uint64_t body_bytes_ = 0;
  ReadEnd end_ = ReadEnd::kData;
};

// A client on one keep-alive connection, reopened when the server ends it. One thread.
class Http1Client {
 public:
  Http1Client(uint16_t port, const TlsClientContext* tls = nullptr, std::string host = "shop.example")
      : port_(port), tls_(tls), host_(std::move(host)) {}

  // Adds Host unless given. Never retries: what the client of one request would see is what is returned.
  HttpResponse Do(const HttpRequest& request, Millis limit = 10s);
  HttpResponse Get(const std::string& target, Millis limit = 10s) { return Do({.target = target}, limit); }
  // How many connections were opened so far.
  int connections() const { return connections_; }
  void Disconnect();

 private:
  bool Connect(const Deadline& deadline);
  HttpResponse ReadResponse(const std::string& method, const Deadline& deadline);

  uint16_t port_;
  const TlsClientContext* tls_;
  std::string host_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<MessageReader> reader_;
  int connections_ = 0;
};

bool EqualsIgnoringCase(std::string_view a, std::string_view b);

}  // namespace meridian::testing
