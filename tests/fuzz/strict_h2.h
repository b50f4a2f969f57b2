// A reader of HTTP/2 that shares no code with the proxy (but nghttp2's HPACK) and forgives nothing; and what its owner
// would answer: acknowledgements, and windows if it takes what it is sent.
#pragma once

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/strict_h1.h"
#include "support/h2_raw.h"

namespace meridian::testing {

struct StrictStream : StrictMessage {
  bool head_done = false;
  bool reset = false;
  uint32_t code = 0;
};

class StrictH2 {
 public:
  enum class Side { kRequests, kResponses };
  explicit StrictH2(Side side) : side_(side), greeted_(side == Side::kResponses) { nghttp2_hd_inflate_new(&inflater_); }
  ~StrictH2() { nghttp2_hd_inflate_del(inflater_); }
  StrictH2(const StrictH2&) = delete;
  StrictH2& operator=(const StrictH2&) = delete;

  void Feed(std::string_view bytes) {
    rest_ += bytes;
    if (!greeted_) {
      const size_t n = std::min(rest_.size(), h2::kPreface.size());
      Check(rest_.compare(0, n, h2::kPreface, 0, n) == 0, "no preface");
      if (n < h2::kPreface.size()) return;
      rest_.erase(0, n);
      greeted_ = true;
    }
    h2::ForEachFrame(rest_, [&](uint8_t type, uint8_t flags, uint32_t id, std::string_view payload) {
      OnFrame(type, flags, id, payload);
      used_ += 9 + payload.size();
    });
    rest_.erase(0, used_);
    used_ = 0;
  }
  std::string TakeReplies() { return std::exchange(replies_, {}); }

  std::map<uint32_t, StrictStream> streams;
  std::vector<uint32_t> heads;  // streams in the order in which their heads came
  bool consume = true;          // windows are opened
  bool goaway = false;
  uint32_t last_stream = 0;  // as GOAWAY said
  // Of a stream whose method is not known, for it was not opened in good order.
  std::function<bool(uint32_t)> method_known = [](uint32_t) { return true; };
  std::function<bool(uint32_t)> answers_head = [](uint32_t) { return false; };

 private:
  void OnFrame(uint8_t type, uint8_t flags, uint32_t id, std::string_view payload) {
    Check(payload.size() <= 16384, "a frame that is too large");
    Check(continued_ == 0 || (type == h2::kContinuation && id == continued_), "a frame between those of a head");
    Check(any_frame_ || (type == h2::kSettings && !(flags & h2::kAck)), "something before SETTINGS");
    any_frame_ = true;
    switch (type) {
      case h2::kSettings:
        Check(id == 0 && payload.size() % 6 == 0, "malformed SETTINGS");
        if (!(flags & h2::kAck)) replies_ += h2::Settings("", h2::kAck);
        return;
      case h2::kPing:
        Check(id == 0 && payload.size() == 8, "malformed PING");
        if (!(flags & h2::kAck)) replies_ += h2::Frame(h2::kPing, h2::kAck, 0, payload);
        return;
      case h2::kGoaway:
        Check(id == 0 && payload.size() >= 8, "malformed GOAWAY");
        Check(!goaway || Number(payload) <= last_stream, "a GOAWAY that takes back the one before");
        goaway = true;
        last_stream = Number(payload);
        return;
      case h2::kWindow:
        Check(payload.size() == 4 && Number(payload) > 0, "malformed WINDOW_UPDATE");
        return;
      case h2::kRst: {
        Check(id != 0 && payload.size() == 4, "malformed RST_STREAM");
        StrictStream& s = streams[id];
        s.reset = true;
        s.code = Number(payload);
        return;
      }
      case h2::kHeaders:
        return OnHeaders(flags, id, payload);
      case h2::kContinuation:
        Check(continued_ == id, "a CONTINUATION of nothing");
        block_ += payload;
        if (flags & h2::kEndHeaders) OnBlock(id);
        return;
      case h2::kData:
        return OnData(flags, id, payload);
      case h2::kPriority:
        return;
      default:
        Check(false, "a frame of type " + std::to_string(type));
    }
  }

  void OnHeaders(uint8_t flags, uint32_t id, std::string_view payload) {
    Check(id % 2 == 1, "HEADERS on no stream of a client");
    if (flags & h2::kPadded) {
      const auto pad = static_cast<uint8_t>(payload[0]);
      payload = payload.substr(1, payload.size() - 1 - pad);
    }
    if (flags & h2::kWithPriority) payload.remove_prefix(5);
    block_ = payload;
    block_ends_stream_ = flags & h2::kEndStream;
    continued_ = id;
    if (flags & h2::kEndHeaders) OnBlock(id);
  }

  void OnBlock(uint32_t id) {
    continued_ = 0;
    const StrictMessage::Fields fields = Inflate();
    const bool fresh = !streams.contains(id);
    if (fresh && side_ == Side::kRequests) {
      Check(id > last_opened_, "a stream id that is not above those before");
      last_opened_ = id;
    }
    StrictStream& s = streams[id];
    Check(!s.reset && !s.whole, "HEADERS on a stream that is over");
    if (s.head_done) {
      Check(block_ends_stream_, "trailers without an end");
      for (const auto& [name, value] : fields) Check(!name.starts_with(':'), "a trailer " + name);
      s.trailers = fields;
      return End(id, s);
    }
    ReadHead(fields, &s);
    if (side_ == Side::kResponses && s.status < 200) {
      Check(!block_ends_stream_ && s.status != 101, "an interim response that ends its stream");
      s.fields.clear();
      s.status = 0;
      return;
    }
    s.head_done = true;
    heads.push_back(id);
    if (block_ends_stream_) End(id, s);
  }

  StrictMessage::Fields Inflate() {
    StrictMessage::Fields fields;
    const auto* in = reinterpret_cast<const uint8_t*>(block_.data());
    size_t left = block_.size();
    for (;;) {
      nghttp2_nv nv;
      int flags = 0;
      const ssize_t n = nghttp2_hd_inflate_hd2(inflater_, &nv, &flags, in, left, 1);
      Check(n >= 0, "a header block that cannot be read");
      in += n;
      left -= static_cast<size_t>(n);
      if (flags & NGHTTP2_HD_INFLATE_EMIT) {
        fields.emplace_back(std::string(reinterpret_cast<char*>(nv.name), nv.namelen),
                            std::string(reinterpret_cast<char*>(nv.value), nv.valuelen));
      }
      if (flags & NGHTTP2_HD_INFLATE_FINAL) break;
      if (n == 0 && left == 0 && !(flags & NGHTTP2_HD_INFLATE_EMIT)) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return fields;
  }

  void ReadHead(const StrictMessage::Fields& fields, StrictStream* s) {
    bool regular = false;
    size_t pseudo = 0;
    for (const auto& [name, value] : fields) {
      Check(StrictValue(value), "a byte in the field " + name);
      if (name.starts_with(':')) {
        Check(!regular, "a pseudo-field behind others");
        ++pseudo;
        if (name == ":status" && value.size() == 3) s->status = std::atoi(value.c_str());
        if (name == ":method") s->method = value;
        if (name == ":path") s->target = value;
      } else {
        regular = true;
        Check(StrictToken(name) && std::ranges::none_of(name, [](char c) { return c >= 'A' && c <= 'Z'; }),
              "no name of a field: " + name);
        for (const char* never : {"connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"}) {
          Check(name != never, "a field of HTTP/1: " + name);
        }
        Check(name != "te" || value == "trailers", "a field of HTTP/1: te");
      }
      s->fields.emplace_back(name, value);
    }
    if (side_ == Side::kResponses) return Check(pseudo == 1 && s->status >= 100, "a response without one status");
    Check(s->Count(":method") == 1 && s->Count(":scheme") == 1 && s->Count(":path") == 1 &&
              pseudo == 3 + s->Count(":authority") && s->Count(":authority") <= 1,
          "a request without its pseudo-fields");
    Check(StrictToken(s->method) && !s->target.empty() && (s->target[0] == '/' || s->target == "*"),
          "a target in an odd form: " + s->target);
  }

  void OnData(uint8_t flags, uint32_t id, std::string_view payload) {
    const size_t size = payload.size();
    Check(streams.contains(id), "DATA on no stream");
    StrictStream& s = streams[id];
    Check(s.head_done && !s.whole && !s.reset, "DATA on a stream that is not open");
    if (flags & h2::kPadded) {
      const auto pad = static_cast<uint8_t>(payload[0]);
      payload = payload.substr(1, payload.size() - 1 - pad);
    }
    s.body += payload;
    if (consume && size > 0) {
      const auto n = static_cast<uint32_t>(size);
      replies_ += h2::Window(0, n) + h2::Window(id, n);
    }
    if (flags & h2::kEndStream) End(id, s);
  }

  void End(uint32_t id, StrictStream& s) {
    s.whole = true;
    Check(s.Count("content-length") <= 1, "two lengths");
    if (s.Count("content-length") == 0) return;
    const bool none = side_ == Side::kResponses &&
                      (s.status == 304 || s.status == 204 || answers_head(id) || (!method_known(id) && s.body.empty()));
    if (none) return Check(s.body.empty(), "a body where none is allowed");
    Check(s.Field("content-length") == std::to_string(s.body.size()), "a body of another length than it said");
  }

  static uint32_t Number(std::string_view payload) {
    uint32_t value = 0;
    for (size_t i = 0; i < 4; ++i) value = value << 8 | static_cast<uint8_t>(payload[i]);
    return value & 0x7fffffff;
  }
  void Check(bool held, const std::string& what) {
    if (held) return;
    Must(false, (side_ == Side::kRequests ? "an origin was sent " : "the client was sent ") + what);
  }

  const Side side_;
  bool greeted_;
  bool any_frame_ = false;
  nghttp2_hd_inflater* inflater_ = nullptr;
  std::string rest_, replies_, block_;
  size_t used_ = 0;
  uint32_t continued_ = 0;
  bool block_ends_stream_ = false;
  uint32_t last_opened_ = 0;
};

}  // namespace meridian::testing
