#include "support/checked_origin.h"

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>

#include "support/temp_dir.h"
#include "support/web_socket.h"

namespace meridian::testing {
namespace {

constexpr auto kConnectionLife = 180s;  // no wait in an origin is endless
constexpr auto kEventLimit = 10s;
constexpr auto kPause = 400ms;
constexpr int kEvents = 5;

std::string Head(int status, const Headers& fields) {
  std::string head = "HTTP/1.1 " + std::to_string(status) + " Checked\r\n";
  for (const auto& [name, value] : fields) head += name + ": " + value + "\r\n";
  return head + "\r\n";
}

std::string Whole(int status, std::string_view body, const std::string& type = "text/plain") {
  return Head(status, {{"content-type", type}, {"content-length", std::to_string(body.size())}}) + std::string(body);
}

std::string Chunk(std::string_view bytes) {
  char size[24];
  snprintf(size, sizeof(size), "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

std::string_view After(std::string_view path, std::string_view prefix) {
  return path.starts_with(prefix) ? path.substr(prefix.size()) : std::string_view();
}

std::string PatternFor(uint64_t size) { return PatternBytes(size, size + 1); }

}  // namespace

std::string CheckedOrigin::DigestOf(uint64_t size) { return Sha256(PatternFor(size)); }

void CheckedOrigin::AddPage(const std::string& path, const std::string& type, const std::string& content) {
  const std::lock_guard lock(mutex_);
  pages_[path] = {type, content};
}

std::string CheckedOrigin::WaitForReport(Millis limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return !report_.empty(); });
  return std::exchange(report_, {});
}

std::vector<int> CheckedOrigin::WaitForCloseCodes(size_t count, Millis limit) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, limit, [&] { return close_codes_.size() >= count; });
  return close_codes_;
}

std::shared_ptr<const CheckedOrigin::Pattern> CheckedOrigin::PatternOf(uint64_t size) {
  const std::lock_guard lock(mutex_);
  std::shared_ptr<const Pattern>& pattern = patterns_[size];
  if (!pattern) {
    std::string bytes = PatternFor(size);
    std::string digest = Sha256(bytes);
    pattern = std::make_shared<const Pattern>(Pattern{std::move(bytes), std::move(digest)});
  }
  return pattern;
}

void CheckedOrigin::Serve(Connection* connection) {
  MessageReader reader(connection);
  while (!server_.stopping() && ServeOne(connection, &reader)) {
  }
}

bool CheckedOrigin::ServeOne(Connection* connection, MessageReader* reader) {
  std::string line;
  Request request;
  if (!reader->ReadHead(&line, &request.headers, Deadline(kConnectionLife))) return false;
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string::npos || first == last) return false;
  request.method = line.substr(0, first);
  request.path = line.substr(first + 1, last - first - 1);
  return request.method == "GET" || request.method == "HEAD" ? Answer(connection, reader, request)
                                                             : AnswerBody(connection, reader, request);
}

// Requests without a body.
bool CheckedOrigin::Answer(Connection* connection, MessageReader* reader, const Request& request) {
  const Deadline deadline(kConnectionLife);
  const std::string& path = request.path;
  if (reader->has_leftover()) return false;  // nobody pipelines to an origin
  if (path.starts_with("/bytes/")) return SendPattern(connection, request);
  if (path.starts_with("/events/")) return SendEvents(connection, path.substr(8));
  if (path == "/socket") {
    Speak(connection, request);
    return false;
  }
  if (path == "/trailers") {
    return connection->Send(Head(200, {{"transfer-encoding", "chunked"}, {"trailer", "x-one, x-two"}}) +
                                Chunk("with trailers") + "0\r\nx-one: first\r\nx-two: second\r\n\r\n",
                            deadline);
  }
  if (path == "/hints") {
    return connection->Send(Head(103, {{"link", "</style.css>; rel=preload"}}) + Whole(200, "after hints"), deadline);
  }
  if (path == "/pause") {
    const std::string head = Head(200, {{"content-length", "8"}});
    if (!connection->Send(head + "wait", deadline)) return false;
    for (const Deadline pause(kPause); !pause.passed() && !server_.stopping();) std::this_thread::sleep_for(20ms);
    return connection->Send("done", deadline);
  }
  if (const std::string_view id = After(path, "/next/"); !id.empty()) {
    const std::lock_guard lock(mutex_);
    ++events_asked_for_[std::string(id)];
    changed_.notify_all();
    return connection->Send(Head(204, {}), deadline);
  }
  Page page{"text/plain", ""};
  {
    const std::lock_guard lock(mutex_);
    const auto found = pages_.find(path);
    if (found != pages_.end()) page = found->second;
  }
  return connection->Send(Whole(page.content.empty() ? 404 : 200, page.content, page.type), deadline);
}

bool CheckedOrigin::AnswerBody(Connection* connection, MessageReader* reader, const Request& request) {
  const Deadline deadline(kConnectionLife);
  if (request.path == "/refuse") {
    const std::string answer = "too large for me";
    connection->Send(Head(413, {{"content-length", std::to_string(answer.size())}, {"connection", "close"}}) + answer,
                     deadline);
    // As a careful server does: what is still on its way is read, so that no reset overtakes the answer.
    connection->ShutdownWrite();
    for (std::string ignored; connection->Read(&ignored, Deadline(2s)) == ReadEnd::kData; ignored.clear()) {
    }
    return false;
  }
  if (EqualsIgnoringCase(request.headers.Get("expect"), "100-continue") && !connection->Send(Head(100, {}), deadline)) {
    return false;
  }
  std::string body;
  Headers trailers;
  if (!reader->ReadBody(request.headers, false, &body, &trailers, deadline)) return false;
  if (request.path == "/trailers") {
    std::string text = std::to_string(body.size()) + "\n";
    for (const auto& [name, value] : trailers) text += name + ": " + value + "\n";
    return connection->Send(Whole(200, text), deadline);
  }
  if (request.path == "/report") {
    const std::lock_guard lock(mutex_);
    report_ = body;
    changed_.notify_all();
    return connection->Send(Head(204, {}), deadline);
  }
  if (request.path != "/sum") return connection->Send(Whole(404, "no such path"), deadline);
  return connection->Send(Whole(200, std::to_string(body.size()) + " " + Sha256(body)), deadline);
}

bool CheckedOrigin::SendPattern(Connection* connection, const Request& request) {
  const Deadline deadline(kConnectionLife);
  const uint64_t size = std::strtoull(request.path.c_str() + 7, nullptr, 10);
  const auto pattern = PatternOf(size);
  if (!connection->Send(Head(200, {{"content-length", std::to_string(size)}, {"x-sha256", pattern->digest}}), deadline))
    return false;
  return request.method == "HEAD" || connection->Send(pattern->bytes, deadline);
}

// Each event but the first is sent when the client has asked for it, which it does when it has read the one before: so
// whoever holds events back on the way holds back everything.
bool CheckedOrigin::SendEvents(Connection* connection, const std::string& id) {
  const Deadline deadline(kConnectionLife);
  if (!connection->Send(Head(200, {{"content-type", "text/event-stream"}, {"transfer-encoding", "chunked"}}), deadline))
    return false;
  for (int i = 1; i <= kEvents; ++i) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kEventLimit, [&] { return server_.stopping() || events_asked_for_[id] >= i - 1; }))
      return false;
    lock.unlock();
    if (!connection->Send(Chunk("data: event " + std::to_string(i) + "\n\n"), deadline)) return false;
  }
  return connection->Send("0\r\n\r\n", deadline);
}

// Echoes; the text "close CODE" makes it end with that code, "drop" without any.
void CheckedOrigin::Speak(Connection* connection, const Request& request) {
  const Deadline deadline(kConnectionLife);
  if (!connection->Send(
          Head(101, {{"upgrade", "websocket"},
                     {"connection", "upgrade"},
                     {"sec-websocket-accept", WebSocketAccept(request.headers.Get("sec-websocket-key"))}}),
          deadline)) {
    return;
  }
  WebSocket socket(connection);
  WebSocketMessage message;
  while (socket.Read(&message, deadline)) {
    if (message.text == "drop") return;
    if (message.text.starts_with("close ")) {
      socket.Close(std::atoi(message.text.c_str() + 6), "as you wish", deadline);
      // The other side answers with a Close of its own, which is no end that a client began.
      socket.Read(&message, deadline);
      return;
    }
    if (!socket.Send(message, deadline)) break;
  }
  if (socket.close_code() != kWebSocketAborted) socket.Close(socket.close_code(), "", deadline);
  const std::lock_guard lock(mutex_);
  close_codes_.push_back(socket.close_code());
  changed_.notify_all();
}

}  // namespace meridian::testing
