// HTTP/2 of the fault origin, over nghttp2; what a healthy peer never does is written by hand.
#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "origin_connection.h"

namespace meridian::bench {
namespace {

constexpr uint32_t kWindow = 4 * 1024 * 1024;
constexpr int kStaleEvery = 10;  // answers per connection: many streams share one

class H2 final : public Protocol {
 public:
  explicit H2(OriginConnection& connection) : c_(connection) {
    nghttp2_session_callbacks* calls = nullptr;
    nghttp2_session_callbacks_new(&calls);
    nghttp2_session_callbacks_set_on_header_callback(calls, OnHeader);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, OnData);
    nghttp2_session_callbacks_set_on_frame_recv_callback(calls, OnFrame);
    nghttp2_session_callbacks_set_on_stream_close_callback(calls, OnStreamClose);
    nghttp2_session_server_new(&session_, calls, this);
    nghttp2_session_callbacks_del(calls);
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 1000},
                                               {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWindow}};
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, 2);
    nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kWindow);
  }
  ~H2() override { nghttp2_session_del(session_); }
  H2(const H2&) = delete;
  H2& operator=(const H2&) = delete;

  void OnBytes(std::span<const uint8_t> bytes) override {
    if (nghttp2_session_mem_recv(session_, bytes.data(), bytes.size()) < 0) return c_.Close();
    Pull();
    Settle();
  }

  void Pull() override {
    while (!c_.full() && !c_.over()) {
      const uint8_t* data = nullptr;
      const ssize_t n = nghttp2_session_mem_send(session_, &data);
      if (n <= 0) break;
      c_.Send({reinterpret_cast<const char*>(data), static_cast<size_t>(n)});
    }
    if (c_.over()) return;
    if (!nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_)) c_.Close();
  }

  void OnLater() override {
    const TimePoint now = c_.loop().Now();
    while (!delayed_.empty() && delayed_.front().due <= now) {
      Begin(delayed_.front().id);
      delayed_.pop_front();
    }
    if (!delayed_.empty()) c_.Later(delayed_.front().due - now);
    Pull();
    Settle();
  }

 private:
  struct Stream {
    Request request;
    Answer answer;
    uint64_t at = 0, left = 0;
  };
  struct Delayed {
    TimePoint due;
    int32_t id;
  };
  // What becomes of the connection once everything before it was sent.
  enum class Fate : uint8_t { kNone, kPartialHead, kReset, kResetSoon, kClose, kCloseSoon };

  static H2& Self(void* self) { return *static_cast<H2*>(self); }

  static int OnHeader(nghttp2_session*, const nghttp2_frame* frame, const uint8_t* name, size_t name_size,
                      const uint8_t* value, size_t value_size, uint8_t, void* self) {
    Request& request = Self(self).streams_[frame->hd.stream_id].request;
    const std::string_view n(reinterpret_cast<const char*>(name), name_size);
    const std::string_view v(reinterpret_cast<const char*>(value), value_size);
    if (n == ":method") {
      request.method = v;
    } else if (n == ":path") {
      request.path = v;
    } else {
      request.Header(n, v);
    }
    return 0;
  }

  static int OnData(nghttp2_session*, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
    Self(self).streams_[id].request.Body(Self(self).c_.region().plain, {data, size});
    return 0;
  }

  static int OnFrame(nghttp2_session*, const nghttp2_frame* frame, void* self) {
    const bool carries_end = frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA;
    if (carries_end && (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) Self(self).OnRequest(frame->hd.stream_id);
    return 0;
  }

  static int OnStreamClose(nghttp2_session*, int32_t id, uint32_t, void* self) {
    Self(self).streams_.erase(id);
    return 0;
  }

  void OnRequest(int32_t id) {
    if (fate_ != Fate::kNone) return;  // nobody looks at it any more
    Stream& stream = streams_[id];
    stream.answer = c_.region().Decide(stream.request);
    const Duration delay = stream.answer.shape.delay;
    if (delay == Duration{}) return Begin(id);
    if (delayed_.empty()) c_.Later(delay);
    delayed_.push_back({c_.loop().Now() + delay, id});
  }

  void Begin(int32_t id) {
    const auto found = streams_.find(id);
    if (found == streams_.end()) return;
    Stream& stream = found->second;
    const Shape& shape = stream.answer.shape;
    if (shape.interim) {
      const std::string status = "103", link = "</style.css>; rel=preload";
      const nghttp2_nv nv[] = {Nv(":status", status), Nv("link", link)};
      nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, nv, 2, nullptr);
    }
    if (shape.head == Part::kWhole) SubmitHead(id, stream);
    switch (shape.end) {
      case End::kComplete:
        if (shape.stale && ++answers_ % kStaleEvery == 0) fate_ = Fate::kCloseSoon;
        break;
      case End::kRstStream:
        if (shape.head == Part::kNone) nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, shape.code);
        break;  // else by OnRead, behind the data
      case End::kGoaway:
        nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, std::max(id - 2, 0), NGHTTP2_NO_ERROR, nullptr, 0);
        fate_ = Fate::kCloseSoon;
        break;
      case End::kReset:
        fate_ = shape.head == Part::kNone && !shape.interim ? Fate::kReset : Fate::kResetSoon;
        break;
      default:
        break;  // silence; a short body ends by OnRead
    }
    if (shape.head == Part::kHalf) {
      partial_ = id;
      if (fate_ == Fate::kNone) fate_ = Fate::kPartialHead;
    }
  }

  void SubmitHead(int32_t id, Stream& stream) {
    const Answer& a = stream.answer;
    const std::string status = std::to_string(a.status), length = std::to_string(a.length);
    const std::string range =
        "bytes " + std::to_string(a.offset) + "-" + std::to_string(a.file - 1) + "/" + std::to_string(a.file);
    const std::string after = "1", kind = "application/octet-stream";
    std::vector<nghttp2_nv> nv = {Nv(":status", status), Nv("content-type", kind), Nv("x-region", c_.region().name),
                                  Nv("content-length", length)};
    if (!c_.region().etag.empty()) nv.push_back(Nv("etag", c_.region().etag));
    if (a.status == 429) nv.push_back(Nv("retry-after", after));
    if (a.status == 206) nv.push_back(Nv("content-range", range));
    stream.at = a.offset;
    stream.left = a.sent();
    nghttp2_data_provider body{};
    body.source.ptr = this;
    body.read_callback = OnRead;
    nghttp2_submit_response(session_, id, nv.data(), nv.size(), a.has_body ? &body : nullptr);
  }

  static ssize_t OnRead(nghttp2_session* session, int32_t id, uint8_t* into, size_t room, uint32_t* flags,
                        nghttp2_data_source* source, void*) {
    H2& self = Self(source->ptr);
    Stream& stream = self.streams_[id];
    const Shape& shape = stream.answer.shape;
    const size_t n = std::min<uint64_t>({room, stream.left, kPieceMax});
    if (n > 0) {
      const std::string_view piece = self.c_.region().Piece(stream.at, n);
      std::copy(piece.begin(), piece.end(), into);
      stream.at += n;
      stream.left -= n;
    }
    if (stream.left > 0) return static_cast<ssize_t>(n);
    if (shape.end == End::kComplete || shape.end == End::kClose) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
    } else if (n == 0) {
      if (shape.end == End::kRstStream) nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, shape.code);
      return NGHTTP2_ERR_DEFERRED;
    }
    return static_cast<ssize_t>(n);
  }

  void Settle() {
    if (c_.over()) return;
    if (partial_ > 0) {
      // HEADERS that announce 64 bytes and bring 3.
      const std::string id = {'\0', static_cast<char>(partial_ >> 16), static_cast<char>(partial_ >> 8),
                              static_cast<char>(partial_)};
      c_.Send(std::string("\0\0\x40\x01\x04", 5) + id + "\x88\x5f\x87");
      partial_ = 0;
    }
    switch (fate_) {
      case Fate::kNone:
        return;
      case Fate::kPartialHead:
        return c_.Mute();
      case Fate::kReset:
        return c_.Reset();
      case Fate::kResetSoon:
        return c_.ResetSoon();
      case Fate::kClose:
        return c_.Close();
      case Fate::kCloseSoon:
        return c_.CloseSoon();
    }
  }

  static nghttp2_nv Nv(std::string_view name, const std::string& value) {
    // nghttp2 takes both as mutable and changes neither.
    return {const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(name.data())),
            const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(value.data())), name.size(), value.size(),
            NGHTTP2_NV_FLAG_NONE};
  }

  OriginConnection& c_;
  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Stream> streams_;
  std::deque<Delayed> delayed_;
  Fate fate_ = Fate::kNone;
  int32_t partial_ = 0;
  int answers_ = 0;
};

}  // namespace

std::unique_ptr<Protocol> MakeH2(OriginConnection& connection) { return std::make_unique<H2>(connection); }

}  // namespace meridian::bench
