// The world around a codec under test: a host that counts wishes, and handlers that remember what they were told.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "http/codec.h"

namespace meridian::testing {

inline std::span<const uint8_t> Bytes(std::string_view s) {
  return {reinterpret_cast<const uint8_t*>(s.data()), s.size()};
}

class FakeHost final : public CodecHost {
 public:
  void WantWrite() override { ++writes_wanted; }
  void ResumeRead() override { ++reads_resumed; }
  TimePoint Now() override { return now; }
  void WakeAfter(Duration delay) override { wake_at = now + delay; }
  uint64_t handed() const override { return bytes_handed; }
  bool Unacknowledged(uint64_t mark) const override { return bytes_acknowledged <= mark; }
  Duration RoundTrip() const override { return round_trip; }
  int writes_wanted = 0;
  int reads_resumed = 0;
  uint64_t bytes_handed = 0;
  uint64_t bytes_acknowledged = UINT64_MAX;
  TimePoint now{TimePoint{} + 1h};
  Duration round_trip{};
  TimePoint wake_at{};
};

// Everything the codec has to say now, flush by flush.
inline std::string Produce(Codec& codec) {
  std::string all;
  static thread_local OutBuffer out;  // too large to be made for each call
  for (int i = 0; i < 10000; ++i) {
    out.Clear();
    codec.Produce(out);
    if (out.size() == 0) return all;
    all.append(reinterpret_cast<const char*>(out.bytes().data()), out.size());
  }
  return all + " (never ends)";
}

// Feeds in pieces of `step` bytes.
inline void Feed(Codec& codec, std::string_view text, size_t step = SIZE_MAX) {
  while (!text.empty()) {
    const size_t n = std::min(step, text.size());
    codec.OnBytes(nullptr, Bytes(text.substr(0, n)));
    text.remove_prefix(n);
  }
}

inline std::string TakeAll(BodyPipe& pipe) {
  std::string out;
  while (pipe.size() > 0) {
    const auto front = pipe.Front();
    const size_t n = front.size();
    out.append(reinterpret_cast<const char*>(front.data()), n);
    pipe.Consume(n);
  }
  return out;
}

inline std::string Text(const HeaderBlock& headers) {
  std::string out;
  for (const Header& h : headers) out += std::string(h.name) + ": " + std::string(h.value) + "\n";
  return out;
}

// One request as the server side's handler sees it.
class ScriptedRequest final : public RequestHandler {
 public:
  explicit ScriptedRequest(ServerStream& s) : stream(&s) {}
  Arena& arena() override { return arena_; }
  BodyPipe& request_body() override { return body; }
  void OnRequestHead(const RequestHead& h) override {
    head = h;
    has_head = true;
    if (on_head) on_head(*this);
  }
  void OnBadRequest(int status, const RequestHead&) override {
    refused = status;
    reply.status = status;
    reply.content_length = 0;
    stream->SendHead(reply, nullptr);
  }
  void OnStreamClosed(bool c) override {
    ++closed;
    complete = c;
    stream = nullptr;
  }

  void Answer(int status, int64_t length = kUnknownLength, bool with_body = true) {
    reply.status = status;
    reply.content_length = length;
    stream->SendHead(reply, with_body ? &answer : nullptr);
  }
  void Say(std::string_view text) { answer.Write(nullptr, Bytes(text)); }

  ServerStream* stream;
  RequestHead head;
  bool has_head = false, complete = false;
  int refused = 0, closed = 0;
  BodyPipe body, answer;
  std::function<void(ScriptedRequest&)> on_head;

 private:
  Arena arena_;

 public:
  ResponseHead reply{.headers = HeaderBlock(&arena_)};
};

class ScriptedSink final : public ServerSink {
 public:
  RequestHandler* OnRequestBegin(ServerStream& stream) override {
    requests.push_back(std::make_unique<ScriptedRequest>(stream));
    requests.back()->on_head = on_head;
    return requests.back().get();
  }
  ScriptedRequest& operator[](size_t i) { return *requests[i]; }
  size_t size() const { return requests.size(); }
  std::vector<std::unique_ptr<ScriptedRequest>> requests;
  std::function<void(ScriptedRequest&)> on_head;
};

// One response as the origin side's handler sees it.
class ScriptedResponse final : public ResponseHandler {
 public:
  Arena& arena() override { return arena_; }
  BodyPipe& response_body() override { return body; }
  void OnInformational(const ResponseHead& h) override { informational.push_back(h.status); }
  void OnResponseHead(const ResponseHead& h) override {
    head = h;
    has_head = true;
    if (on_head) on_head();
  }
  void OnResponseComplete() override { ++completed; }
  void OnAttemptFailed(const Error& e) override {
    ++failed;
    error = e;
    if (on_failed) on_failed();
  }

  RequestHead Request(std::string_view method, std::string_view path = "/") {
    RequestHead r;
    r.method_text = method;
    r.method = IdentifyMethod(method);
    r.scheme = "http";
    r.authority = "shop.example";
    r.path = path;
    r.headers = HeaderBlock(&arena_);
    return r;
  }

  std::vector<int> informational;
  ResponseHead head;
  bool has_head = false;
  int completed = 0, failed = 0;
  Error error;
  BodyPipe body;
  std::function<void()> on_head;
  std::function<void()> on_failed;

 private:
  Arena arena_;
};

}  // namespace meridian::testing
