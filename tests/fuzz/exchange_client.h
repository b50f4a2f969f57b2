// The client of the fuzzed world: says good requests, bytes of the fuzzer, or both, and reads strictly what it is sent.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/exchange_ledger.h"
#include "fuzz/strict_h1.h"
#include "fuzz/strict_h2.h"

namespace meridian::testing {

class FuzzClient {
 public:
  FuzzClient(int fd, bool http2, Ledger& ledger) : fd_(fd), http2_(http2), ledger_(ledger) {
    h1_.answers_head = [this](size_t n) { return n < asked_.size() && asked_[n].head; };
    h2_.answers_head = [this](uint32_t id) { return by_stream_.contains(id) && by_stream_[id].head; };
    h2_.method_known = [this](uint32_t id) { return by_stream_.contains(id) && clean_; };
    if (http2_) outbox_ = std::string(h2::kPreface) + h2::Settings();
  }
  int fd() const { return fd_; }
  bool eof() const { return eof_; }
  bool reading = true;
  void set_consume(bool consume) { h2_.consume = consume; }

  // What a request may be like; several of them may hold.
  struct Kind {
    const char* method = "GET";
    enum class Body { kNone, kLength, kUnknown } body = Body::kNone;
    bool whole = true;  // its body comes with it
    std::string_view extra_name = {}, extra_value = {};
    bool websocket = false, http10 = false, other_host = false, any_resource = false;
  };
  // `extra`: bytes of the fuzzer, anywhere in it.
  void Ask(const Kind& kind, size_t body_size, std::string_view extra, size_t where) {
    if (!http2_) EndUpload({});  // a stream may stay as it is for ever
    const uint32_t id = ledger_.NewRequest();
    const bool known = clean_ && extra.empty();
    Kind k = kind;
    if (std::string_view(k.method) == "HEAD" && !known && !http2_) k.method = "GET";
    const Asked asked{known ? id : 0, std::string_view(k.method) == "HEAD"};
    if (k.body != Kind::Body::kNone || k.websocket) {
      upload_left_ = body_size;
      upload_id_ = id;
    }
    if (!known || k.websocket) ledger_.ForgetUpload(id);
    if (k.body == Kind::Body::kNone || (k.body == Kind::Body::kLength && body_size == 0)) {
      ledger_.EndUpload(id);
    }
    if (http2_) return AskH2(k, id, asked, extra);
    asked_.push_back(asked);
    std::string text = HeadH1(k, id, body_size);
    if (k.body != Kind::Body::kNone) {
      upload_ = k.body == Kind::Body::kLength ? Upload::kLength : Upload::kChunked;
      if (body_size == 0 && upload_ == Upload::kLength) upload_ = Upload::kNone;
    }
    if (k.websocket) clean_ = false;  // nobody knows yet what the bytes behind it are
    if (!extra.empty()) {
      text.insert(where % text.size(), Harmless(extra));
      clean_ = false;
    }
    outbox_ += text;
    if (k.whole && k.body != Kind::Body::kNone) {
      GoOn(body_size);
      EndUpload({});
    }
  }
  void Raw(std::string_view bytes) {
    ledger_.ForgetUploads();
    outbox_ += Harmless(bytes);
    clean_ = false;
  }
  // A frame in good form, or nearly.
  // `content`: it is part of a request.
  void Frame(const std::string& frame, bool content) {
    if (!http2_) return;
    if (content) ledger_.ForgetUploads();
    outbox_ += frame;
  }
  void ResetNewest(uint32_t code) {
    if (!http2_ || next_stream_ == 1) return;
    upload_ = Upload::kNone;
    outbox_ += h2::Rst(next_stream_ - 2, code);
  }
  uint32_t newest_stream() const { return next_stream_ > 1 ? next_stream_ - 2 : 1; }
  // More of the body that is on its way.
  void GoOn(size_t bytes) {
    if (upload_ == Upload::kLength) bytes = std::min(bytes, upload_left_);
    if (upload_ == Upload::kNone || bytes == 0) return;
    upload_left_ -= std::min(bytes, upload_left_);
    const std::string body = ledger_.Upload(upload_id_, bytes);
    // What has its length may look whole, although HTTP/2 has not said so yet.
    if (upload_ == Upload::kLength && upload_left_ == 0) ledger_.EndUpload(upload_id_);
    if (http2_) {
      for (size_t at = 0; at < bytes; at += 16000) outbox_ += h2::Data(upload_stream_, body.substr(at, 16000), 0);
    } else if (upload_ == Upload::kLength) {
      outbox_ += body;
      if (upload_left_ == 0) upload_ = Upload::kNone;
    } else {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes);
      outbox_ += size + body + "\r\n";
    }
  }
  void EndUpload(const h2::Fields& trailers) {
    if (upload_ == Upload::kNone) return;
    if (http2_ || upload_ == Upload::kLength) GoOn(upload_left_);
    ledger_.EndUpload(upload_id_);
    if (http2_) {
      outbox_ += trailers.empty() ? h2::Data(upload_stream_, "") : h2::Headers(upload_stream_, trailers);
    } else if (upload_ == Upload::kChunked) {
      outbox_ += "0\r\n";
      for (const auto& [name, value] : trailers) outbox_ += name + ": " + value + "\r\n";
      outbox_ += "\r\n";
    }
    upload_ = Upload::kNone;
  }

  // Bytes in both directions, as far as the socket takes them.
  void Pump() {
    if (fd_ < 0) return;
    if (http2_) outbox_ += h2_.TakeReplies();
    if (!outbox_.empty() && !said_all_) {
      const ssize_t n = send(fd_, outbox_.data(), outbox_.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (n > 0) outbox_.erase(0, static_cast<size_t>(n));
    }
    char bytes[8 * 1024];
    while (reading && !eof_) {
      const ssize_t n = recv(fd_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n == 0 || (n < 0 && errno != EAGAIN)) {
        eof_ = true;
        if (n == 0) h1_.OnEof();
      }
      if (n <= 0) return;
      const std::string_view in(bytes, static_cast<size_t>(n));
      http2_ ? h2_.Feed(in) : h1_.Feed(in);
    }
  }
  void HalfClose() {
    shutdown(fd_, SHUT_WR);
    said_all_ = true;
  }

  // It is over: everything that came is entered.
  void Account() {
    fd_ = -1;
    for (size_t i = 0; i < h1_.messages.size(); ++i) {
      const Asked asked = i < asked_.size() ? asked_[i] : Asked{};
      ledger_.OnResponse(asked.id, h1_.messages[i], asked.head);
    }
    for (const auto& [id, stream] : h2_.streams) {
      if (stream.head_done) ledger_.OnResponse(clean_ ? by_stream_[id].id : 0, stream, by_stream_[id].head);
    }
  }

 private:
  enum class Upload { kNone, kLength, kChunked };
  struct Asked {
    uint32_t id = 0;
    bool head = false;
  };

  std::string HeadH1(const Kind& k, uint32_t id, size_t body_size) const {
    std::string text = std::string(k.method) + (k.any_resource ? " *" : " /a/" + std::to_string(id) + "?q=1") +
                       (k.http10 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n") +
                       "Host: " + (k.other_host ? "other.example" : "shop.example") +
                       "\r\nx-id: " + std::to_string(id) + "\r\n";
    if (!k.extra_name.empty()) text += std::string(k.extra_name) + ": " + std::string(k.extra_value) + "\r\n";
    if (k.body == Kind::Body::kLength) text += "Content-Length: " + std::to_string(body_size) + "\r\n";
    if (k.body == Kind::Body::kUnknown) text += "Transfer-Encoding: chunked\r\n";
    if (k.websocket) {
      text +=
          "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
          "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    }
    return text + "\r\n";
  }

  void AskH2(const Kind& k, uint32_t id, const Asked& asked, std::string_view extra) {
    const uint32_t stream = next_stream_;
    next_stream_ += 2;
    by_stream_[stream] = asked;
    h2::Fields fields = {{":method", k.websocket ? "CONNECT" : k.method}};
    if (k.websocket) fields.emplace_back(":protocol", "websocket");
    fields.emplace_back(":scheme", "http");
    fields.emplace_back(":path", k.any_resource ? "*" : "/a/" + std::to_string(id));
    fields.emplace_back(":authority", k.other_host ? "other.example" : "shop.example");
    fields.emplace_back("x-id", std::to_string(id));
    if (!k.extra_name.empty() && k.extra_name != "Connection") fields.emplace_back(Lower(k.extra_name), k.extra_value);
    if (k.body == Kind::Body::kLength) fields.emplace_back("content-length", std::to_string(upload_left_));
    if (!extra.empty()) {
      const std::string text = Harmless(extra);
      fields.emplace_back(text.substr(0, text.size() / 2), text.substr(text.size() / 2));
    }
    const bool open = k.body != Kind::Body::kNone || k.websocket;
    outbox_ += h2::Headers(stream, fields, open ? h2::kEndHeaders : h2::kEndHeaders | h2::kEndStream);
    if (!open) return;
    upload_ = k.body == Kind::Body::kLength ? Upload::kLength : Upload::kChunked;
    upload_stream_ = stream;
    if (!k.whole) return;
    GoOn(upload_left_);
    EndUpload({});
  }

  int fd_;
  const bool http2_;
  Ledger& ledger_;
  StrictH1 h1_{StrictH1::Side::kResponses};
  StrictH2 h2_{StrictH2::Side::kResponses};
  std::string outbox_;
  bool clean_ = true;  // no bytes of the fuzzer so far, so that it is known which response is whose
  bool eof_ = false, said_all_ = false;
  std::vector<Asked> asked_;  // in order, for HTTP/1
  std::map<uint32_t, Asked> by_stream_;
  uint32_t next_stream_ = 1;
  Upload upload_ = Upload::kNone;
  size_t upload_left_ = 0;
  uint32_t upload_id_ = 0;  // of the request
  uint32_t upload_stream_ = 0;
};

}  // namespace meridian::testing
