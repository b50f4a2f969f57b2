#include "support/scripted_origin.h"

#include <algorithm>
#include <cstdio>
#include <thread>
#include <utility>

namespace meridian::testing {
namespace {

constexpr size_t kMostRemembered = 10'000;
constexpr auto kStopCheck = 20ms;
constexpr auto kConnectionLife = 120s;  // no wait in an origin is endless

bool StatusHasBody(const std::string& method, int status) {
  return method != "HEAD" && status >= 200 && status != 204 && status != 304;
}

std::string Chunked(std::string_view body, const Headers& trailers) {
  static constexpr size_t kChunk = 8 * 1024;
  std::string wire;
  for (; !body.empty(); body.remove_prefix(std::min(kChunk, body.size()))) {
    const std::string_view piece = body.substr(0, kChunk);
    char size[24];
    snprintf(size, sizeof(size), "%zx\r\n", piece.size());
    wire.append(size).append(piece).append("\r\n");
  }
  wire += "0\r\n";
  for (const auto& [name, value] : trailers) wire += name + ": " + value + "\r\n";
  return wire + "\r\n";
}

}  // namespace

ScriptedOrigin::ScriptedOrigin(std::string region, Handler handler)
    : region_(std::move(region)), handler_(std::make_shared<const Handler>(std::move(handler))) {}

ScriptedOrigin::Handler ScriptedOrigin::Friendly() {
  return [](const OriginRequest&) { return OriginReply{.body = "hello\n"}; };
}

void ScriptedOrigin::SetHandler(Handler handler) {
  auto next = std::make_shared<const Handler>(std::move(handler));
  const std::lock_guard lock(mutex_);
  handler_ = std::move(next);
}

std::vector<OriginRequest> ScriptedOrigin::Received() const {
  const std::lock_guard lock(mutex_);
  return received_;
}

void ScriptedOrigin::Forget() {
  const std::lock_guard lock(mutex_);
  received_.clear();
  requests_ = 0;
  health_checks_ = 0;
  broken_ = 0;
}

void ScriptedOrigin::Serve(Connection* connection, uint64_t number) {
  MessageReader reader(connection);
  while (!server_.stopping() && ServeOne(connection, number, &reader)) {
  }
}

bool ScriptedOrigin::ServeOne(Connection* connection, uint64_t number, MessageReader* reader) {
  const Deadline deadline(kConnectionLife);
  std::string line;
  OriginRequest request;
  request.connection = number;
  if (!reader->ReadHead(&line, &request.headers, deadline)) {
    if (!line.empty() || reader->has_leftover()) ++broken_;
    return false;
  }
  const size_t first = line.find(' ');
  const size_t last = line.rfind(' ');
  if (first == std::string::npos || first == last) {
    ++broken_;
    return false;
  }
  request.method = line.substr(0, first);
  request.target = line.substr(first + 1, last - first - 1);
  request.version = line.substr(last + 1);
  if (request.target == "/healthz") {
    ++health_checks_;
    return Answer(connection, request.method, {.status = health_status_});
  }
  if (EqualsIgnoringCase(request.headers.Get("expect"), "100-continue")) {
    connection->Send("HTTP/1.1 100 Continue\r\n\r\n", deadline);
  }
  if (drop_bodies_) reader->DropBodies();
  if (!reader->ReadBody(request.headers, false, &request.body, &request.trailers, deadline)) {
    ++broken_;
    return false;
  }
  request.body_bytes = reader->body_bytes();
  const std::string method = request.method;
  return Answer(connection, method, Decide(std::move(request)));
}

OriginReply ScriptedOrigin::Decide(OriginRequest request) {
  std::shared_ptr<const Handler> handler;
  request.number = ++requests_;
  {
    const std::lock_guard lock(mutex_);
    handler = handler_;
    if (received_.size() < kMostRemembered) received_.push_back(request);
  }
  return (*handler)(request);
}

std::string ScriptedOrigin::Render(const std::string& method, const OriginReply& reply) const {
  if (!reply.raw.empty()) return reply.raw;
  std::string wire;
  for (const std::string& interim : reply.interim) wire += interim;
  wire += "HTTP/1.1 " + std::to_string(reply.status) + " Scripted\r\nx-region: " + region_ + "\r\n";
  for (const auto& [name, value] : reply.headers) wire += name + ": " + value + "\r\n";
  const bool bodyless = reply.status == 204 || reply.status == 304;
  if (reply.chunked) {
    wire += "transfer-encoding: chunked\r\n";
  } else if (!bodyless && !reply.headers.Has("content-length")) {
    wire += "content-length: " + std::to_string(reply.body.size()) + "\r\n";
  }
  wire += "\r\n";
  if (!StatusHasBody(method, reply.status)) return wire;
  std::string body = reply.chunked ? Chunked(reply.body, reply.trailers) : reply.body;
  if (reply.send_only >= 0) body.resize(std::min(body.size(), static_cast<size_t>(reply.send_only)));
  return wire + body;
}

bool ScriptedOrigin::SleepUnlessStopped(Millis time) const {
  const Deadline until(time);
  while (!until.passed()) {
    if (server_.stopping()) return false;
    std::this_thread::sleep_for(std::min<Millis>(until.left(), kStopCheck));
  }
  return true;
}

bool ScriptedOrigin::Answer(Connection* connection, const std::string& method, const OriginReply& reply) {
  const Deadline deadline(kConnectionLife);
  if (!SleepUnlessStopped(reply.delay)) return false;
  if (!reply.silent && !connection->Send(Render(method, reply), deadline)) return false;
  switch (reply.after) {
    case OriginReply::After::kKeep:
      return true;
    case OriginReply::After::kClose:
      connection->Close();
      ++closed_by_reply_;
      return false;
    case OriginReply::After::kReset:
      connection->CloseWithReset();
      return false;
    case OriginReply::After::kHang: {
      std::string ignored;
      connection->ReadToEnd(&ignored, deadline);
      return false;
    }
  }
  return false;
}

}  // namespace meridian::testing
