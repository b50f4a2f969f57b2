// What HTTP/2 servers and clients share: the nghttp2 session, its output, flow control tied to body pipes.
//
// nghttp2 never buffers bodies: DATA goes from the pipe straight into the flush buffer (NO_COPY), and the peer's window
// opens only when the pipe's reader took the bytes. No call into nghttp2's send or receive from within its callbacks.
#pragma once

#include <nghttp2/nghttp2.h>

#include <array>
#include <memory>
#include <vector>

#include "http/codec.h"

namespace meridian {

class H2Session;

// One stream of either side. Owned by the session from creation to on_stream_close.
class H2Stream : public BodyPipe::Reader, public BodyPipe::Writer {
 public:
  explicit H2Stream(H2Session& session) : session_(session) {}
  virtual ~H2Stream() = default;
  int32_t id = 0;
  bool own_reset() const { return own_reset_; }
  bool in_ended() const { return in_ended_; }

 protected:
  friend class H2Session;
  void OnBodyReadable() final;
  void OnBodyConsumed(size_t bytes) final;
  // Takes one decoded field; false: above the limits.
  bool CountField(size_t name, size_t value, uint32_t max_bytes, uint32_t max_fields);
  // The same for a further piece of a field that was counted, which stands behind "; " in it.
  bool CountCrumb(size_t value, uint32_t max_bytes, uint32_t max_crumbs);
  void AttachOut(BodyPipe* pipe);
  void AttachIn(BodyPipe* pipe);
  // Lets go of both pipes and gives the unread bytes back to the connection's window.
  void ReleasePipes();

  H2Session& session_;
  BodyPipe* out_ = nullptr;  // what we send
  BodyPipe* in_ = nullptr;   // what we receive
  HeaderBlock headers_;
  uint32_t header_bytes_ = 0;
  uint32_t crumbs_ = 0;
  bool deferred_ = false;   // nghttp2 waits for OnBodyReadable
  bool out_ended_ = false;  // our END_STREAM was written
  bool in_ended_ = false;   // the peer's END_STREAM came
  bool own_reset_ = false;  // the RST_STREAM is our wish, not the peer's fault

 private:
  uint32_t window_ = 0;    // ours; the session's kStreamWindow at first
  uint64_t consumed_ = 0;  // of the body, since …
  TimePoint tuned_at_{};   // … the window was looked at
  H2Stream* prev_ = nullptr;
  H2Stream* next_ = nullptr;
};

class H2Session {
 public:
  static constexpr uint32_t kMaxFrame = 16 * 1024;
  // A stream's window begins here and doubles, up to the second, whenever a sender fills it within two round trips: it
  // could have sent more (RFC 9113 §5.2.1; a fixed one lets a path of 100 ms carry 10 windows a second).
  static constexpr uint32_t kStreamWindow = 64 * 1024;
  static constexpr uint32_t kMaxStreamWindow = 16 * 1024 * 1024;

  H2Session(CodecHost& host, const MessageLimits& limits);
  virtual ~H2Session();

  void Feed(Block* block, std::span<const uint8_t> bytes);
  void Drain(OutBuffer& out);
  const Error& session_error() const { return error_; }
  // Nothing will be read or written any more.
  bool over() const;
  size_t active() const { return active_; }

 protected:
  friend class H2Stream;
  // Called once by the constructor of the side.
  void Start(bool server, uint32_t connection_window);
  // New streams are linked and found by nghttp2's user data.
  void Adopt(H2Stream* stream, int32_t id);
  H2Stream* Find(int32_t id) const {
    return static_cast<H2Stream*>(nghttp2_session_get_stream_user_data(session_, id));
  }
  // Ends the connection: GOAWAY with this code, then close.
  void Terminate(uint32_t code, const Error& error);
  void ResetStream(int32_t id, uint32_t code);
  nghttp2_data_provider DataProvider(H2Stream* stream);
  template <typename F>
  void ForEachStream(F f) {
    for (H2Stream* s = streams_; s;) {
      H2Stream* next = s->next_;
      f(s);
      s = next;
    }
  }
  // Deletes it; to nghttp2 its stream lives on.
  void Abandon(H2Stream* stream);
  void DropAllStreams();

  // ---- for the sides. Return 0 or an NGHTTP2_ERR code.
  virtual int OnBeginHeaders(const nghttp2_frame& frame) = 0;
  // `stream` is null for one that was refused or let go.
  virtual int OnHeader(H2Stream* stream, const nghttp2_frame& frame, std::string_view name, std::string_view value) = 0;
  virtual int OnHeadersDone(H2Stream* stream, const nghttp2_frame& frame) = 0;
  virtual void OnInEnd(H2Stream* stream) = 0;
  virtual void OnOutEnd(H2Stream*) {}
  virtual void OnHeadersSent(H2Stream*) {}
  virtual void OnStreamClosed(H2Stream* stream, uint32_t code) = 0;
  // Of one that was refused or abandoned.
  virtual void OnLostStreamClosed(int32_t /*id*/) {}
  virtual void OnFrame(const nghttp2_frame&) {}
  virtual void OnFrameBegin(const nghttp2_frame_hd&) {}
  virtual void OnDataSent(size_t /*bytes*/) {}
  // RST_STREAM was sent; `stream` may be null.
  virtual void OnResetSent(H2Stream* /*stream*/, uint32_t /*code*/) {}

  CodecHost& host_;
  const MessageLimits& limits_;
  nghttp2_session* session_ = nullptr;
  Error error_;

 private:
  static const nghttp2_session_callbacks* Callbacks();
  static ssize_t ReadBody(nghttp2_session*, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                          nghttp2_data_source* source, void* self);
  void TuneWindow(H2Stream* stream);
  int SendData(H2Stream* stream, const uint8_t* frame_header, size_t length, size_t padding);
  void Unlink(H2Stream* stream);
  void CloseUnsent(int32_t id);
  void Greet();

  H2Stream* streams_ = nullptr;
  size_t active_ = 0;
  uint32_t connection_window_ = 0;
  Block* feed_block_ = nullptr;
  OutBuffer* out_ = nullptr;       // during Drain
  const uint8_t* rest_ = nullptr;  // of a chunk from nghttp2 that did not fit
  size_t rest_size_ = 0;
  std::array<uint8_t, 64> greeting_;  // of a server
};

// Header lists for nghttp2, built in a per-thread area; valid until the next Begin.
//
// Texts are not copied: they must live until the frame is serialised or its stream is gone. Both hold for text in the
// arena of an exchange, since an item of a closed or cancelled stream is dropped by nghttp2 unread.
class H2HeaderList {
 public:
  static H2HeaderList& Local();
  void Begin() { list_.clear(); }
  void Add(std::string_view name, std::string_view value, uint8_t flags = NGHTTP2_NV_FLAG_NONE);
  void AddAll(const HeaderBlock& headers);
  void AddLength(int64_t length, Arena& arena);
  const nghttp2_nv* data() const { return list_.data(); }
  size_t size() const { return list_.size(); }

 private:
  static constexpr uint8_t kNoCopy = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE;
  std::vector<nghttp2_nv> list_;  // as long as the longest so far
};

// Three digits, static storage. What has no three is told as 500.
std::string_view StatusText(int status);

}  // namespace meridian
