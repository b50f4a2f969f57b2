#include "http/h2_session.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

namespace meridian {
namespace {

constexpr uint32_t kEndless = 0xffffffff;
constexpr Error kProtocolError{ErrorCode::kProtocol, Fault::kOrigin, Retry::kIfIdempotent, "HTTP/2 protocol error"};

nghttp2_option* MakeOptions() {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) std::abort();
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, 256);
  nghttp2_option_set_max_settings(options, 32);
  // Above it nghttp2 drops a head without a word. What it counts per field is less than HeadCost counts.
  nghttp2_option_set_max_send_header_block_length(options, MessageLimits::kMaxSentHead + 1024);
#ifdef HAVE_NGHTTP2_RESET_RATE_LIMIT
  // Only a second line: it counts by a clock of its own, also the resets of answered streams, and not those that a peer
  // provokes (h2_server.h knows them apart).
  nghttp2_option_set_stream_reset_rate_limit(options, 1'000'000, 100'000);
#endif
#ifdef HAVE_NGHTTP2_MAX_CONTINUATIONS
  // It counts each piece of a frame's nine bytes that a read brings. Clients' frames are counted by FrameMeter.
  nghttp2_option_set_max_continuations(options, 9 * 8);
#endif
  return options;
}

std::string_view View(const uint8_t* p, size_t n) { return {reinterpret_cast<const char*>(p), n}; }

}  // namespace

// ---- H2Stream ------------------------------------------------------------------------------------------------------

void H2Stream::OnBodyReadable() {
  if (deferred_) {
    deferred_ = false;
    nghttp2_session_resume_data(session_.session_, id);
  }
  session_.host_.WantWrite();
}

void H2Stream::OnBodyConsumed(size_t bytes) {
  if (bytes == 0) return;
  nghttp2_session_consume(session_.session_, id, bytes);
  consumed_ += bytes;
  if (consumed_ >= window_ && !in_ended_) session_.TuneWindow(this);
  if (nghttp2_session_want_write(session_.session_)) session_.host_.WantWrite();
}

bool H2Stream::CountField(size_t name, size_t value, uint32_t max_bytes, uint32_t max_fields) {
  header_bytes_ += static_cast<uint32_t>(std::min<size_t>(name + value + 32, UINT32_MAX / 2));
  return header_bytes_ <= max_bytes && headers_.size() - crumbs_ < max_fields;
}

bool H2Stream::CountCrumb(size_t value, uint32_t max_bytes, uint32_t max_crumbs) {
  header_bytes_ += static_cast<uint32_t>(std::min<size_t>(value + 2, UINT32_MAX / 2));
  return header_bytes_ <= max_bytes && ++crumbs_ <= max_crumbs;
}

void H2Stream::AttachOut(BodyPipe* pipe) {
  out_ = pipe;
  if (out_) out_->set_reader(this);
}

void H2Stream::AttachIn(BodyPipe* pipe) {
  in_ = pipe;
  if (in_) in_->set_writer(this);
}

void H2Stream::ReleasePipes() {
  if (out_) out_->RemoveReader(this);
  out_ = nullptr;
  if (!in_) return;
  in_->set_writer(nullptr);
  if (in_->unreported() > 0) {
    // What waits in the pipe is dropped, and so may be what still comes: see below.
    nghttp2_session_consume(session_.session_, id, in_->unreported());
    if (nghttp2_session_want_write(session_.session_)) session_.host_.WantWrite();
  }
  in_ = nullptr;
}

// ---- H2Session -----------------------------------------------------------------------------------------------------

H2Session::H2Session(CodecHost& host, const MessageLimits& limits) : host_(host), limits_(limits) {}

H2Session::~H2Session() {
  DropAllStreams();
  nghttp2_session_del(session_);
}

void H2Session::Start(bool server, uint32_t connection_window) {
  static const nghttp2_option* const options = MakeOptions();
  const int rc = server ? nghttp2_session_server_new2(&session_, Callbacks(), this, options)
                        : nghttp2_session_client_new2(&session_, Callbacks(), this, options);
  if (rc != 0) std::abort();  // out of memory
  const std::array<nghttp2_settings_entry, 5> settings = {{
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindow},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits_.max_header_bytes},
      {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
      {server ? NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS : NGHTTP2_SETTINGS_ENABLE_PUSH, server ? kEndless : 0},
      {NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL, 1},  // WebSockets (RFC 8441 §3); only servers say it
  }};
  nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), server ? 5 : 4);
  connection_window_ = connection_window;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(connection_window));
  if (server) Greet();
}

// What nghttp2 is told about the number of streams becomes its own limit once the client acknowledged it, and then one
// stream more ends the connection, with all that is at work on it. RFC 9113 §5.1.2 leaves that to us, and we refuse the
// stream. So nghttp2 knows of no limit, and the client reads ours: written into the SETTINGS frame on its way out.
void H2Session::Greet() {
  static constexpr size_t kHead = 9, kEntry = 6;
  const uint8_t* frame = nullptr;
  const ssize_t n = nghttp2_session_mem_send(session_, &frame);
  if (n < static_cast<ssize_t>(kHead) || n > static_cast<ssize_t>(greeting_.size())) std::abort();
  rest_size_ = static_cast<size_t>(n);
  std::copy_n(frame, rest_size_, greeting_.begin());
  for (size_t at = kHead; at + kEntry <= rest_size_; at += kEntry) {
    if (greeting_[at] != 0 || greeting_[at + 1] != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
    for (size_t i = 0; i < 4; ++i) greeting_[at + 2 + i] = static_cast<uint8_t>(limits_.max_streams >> (24 - 8 * i));
  }
  rest_ = greeting_.data();
}

const nghttp2_session_callbacks* H2Session::Callbacks() {
  static const nghttp2_session_callbacks* const callbacks = [] {
    nghttp2_session_callbacks* c = nullptr;
    if (nghttp2_session_callbacks_new(&c) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_frame_callback(
        c, [](nghttp2_session*, const nghttp2_frame_hd* head, void* self) {
          auto* session = static_cast<H2Session*>(self);
          if (!session->error_) session->OnFrameBegin(*head);
          // Nothing behind what ended the connection is read, also if it came in the same piece.
          return session->error_ ? static_cast<int>(NGHTTP2_ERR_CALLBACK_FAILURE) : 0;
        });
    nghttp2_session_callbacks_set_on_begin_headers_callback(
        c, [](nghttp2_session*, const nghttp2_frame* frame, void* self) {
          return static_cast<H2Session*>(self)->OnBeginHeaders(*frame);
        });
    nghttp2_session_callbacks_set_on_header_callback(c, [](nghttp2_session*, const nghttp2_frame* frame,
                                                           const uint8_t* name, size_t name_size, const uint8_t* value,
                                                           size_t value_size, uint8_t, void* user) {
      auto* self = static_cast<H2Session*>(user);
      return self->OnHeader(self->Find(frame->hd.stream_id), *frame, View(name, name_size), View(value, value_size));
    });
    nghttp2_session_callbacks_set_on_frame_recv_callback(
        c, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto* self = static_cast<H2Session*>(user);
          self->OnFrame(*frame);
          if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
          H2Stream* stream = self->Find(frame->hd.stream_id);
          if (!stream) return 0;
          if (frame->hd.type == NGHTTP2_HEADERS) {
            if (const int rc = self->OnHeadersDone(stream, *frame)) return rc;
          }
          if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            stream->in_ended_ = true;
            self->OnInEnd(stream);
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        c, [](nghttp2_session* session, uint8_t, int32_t id, const uint8_t* data, size_t size, void* user) {
          auto* self = static_cast<H2Session*>(user);
          H2Stream* stream = self->Find(id);
          if (stream && stream->in_) {
            stream->in_->Write(self->feed_block_, {data, size});
          } else {
            // Read and dropped until the stream ends or is reset: there are clients that hear an answer, or a reset,
            // only when they have sent everything (Java's, httpx).
            nghttp2_session_consume(session, id, size);
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_send_callback(
        c, [](nghttp2_session*, const nghttp2_frame* frame, void* user) {
          auto* self = static_cast<H2Session*>(user);
          if (frame->hd.type == NGHTTP2_RST_STREAM) {
            self->OnResetSent(self->Find(frame->hd.stream_id), frame->rst_stream.error_code);
            return 0;
          }
          if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
          H2Stream* stream = self->Find(frame->hd.stream_id);
          if (!stream) return 0;
          if (frame->hd.type == NGHTTP2_HEADERS) self->OnHeadersSent(stream);
          if (frame->hd.type == NGHTTP2_DATA) self->OnDataSent(frame->hd.length);
          if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
            stream->out_ended_ = true;
            self->OnOutEnd(stream);
          }
          return 0;
        });
    nghttp2_session_callbacks_set_on_stream_close_callback(c,
                                                           [](nghttp2_session*, int32_t id, uint32_t code, void* user) {
                                                             auto* self = static_cast<H2Session*>(user);
                                                             H2Stream* stream = self->Find(id);
                                                             if (!stream) {
                                                               self->OnLostStreamClosed(id);
                                                               return 0;
                                                             }
                                                             self->Unlink(stream);
                                                             self->OnStreamClosed(stream, code);
                                                             delete stream;
                                                             return 0;
                                                           });
    nghttp2_session_callbacks_set_on_frame_not_send_callback(
        c, [](nghttp2_session*, const nghttp2_frame* frame, int, void* user) {
          // A request that never left (GOAWAY came first, or it was cancelled): no stream, so no on_stream_close.
          if (frame->hd.type == NGHTTP2_HEADERS) static_cast<H2Session*>(user)->CloseUnsent(frame->hd.stream_id);
          return 0;
        });
    nghttp2_session_callbacks_set_send_data_callback(
        c, [](nghttp2_session*, nghttp2_frame* frame, const uint8_t* header, size_t length, nghttp2_data_source* source,
              void* self) {
          return static_cast<H2Session*>(self)->SendData(static_cast<H2Stream*>(source->ptr), header, length,
                                                         frame->data.padlen);
        });
    return c;
  }();
  return callbacks;
}

void H2Session::Adopt(H2Stream* stream, int32_t id) {
  stream->id = id;
  stream->window_ = kStreamWindow;
  stream->tuned_at_ = host_.Now();
  stream->next_ = streams_;
  if (streams_) streams_->prev_ = stream;
  streams_ = stream;
  ++active_;
  nghttp2_session_set_stream_user_data(session_, id, stream);
}

void H2Session::Unlink(H2Stream* stream) {
  (stream->prev_ ? stream->prev_->next_ : streams_) = stream->next_;
  if (stream->next_) stream->next_->prev_ = stream->prev_;
  --active_;
}

void H2Session::CloseUnsent(int32_t id) {
  if (nghttp2_session_find_stream(session_, id)) return;  // e.g. trailers; the stream lives
  for (H2Stream* stream = streams_; stream; stream = stream->next_) {
    if (stream->id != id) continue;
    Unlink(stream);
    OnStreamClosed(stream, NGHTTP2_REFUSED_STREAM);
    delete stream;
    return;
  }
}

void H2Session::Abandon(H2Stream* stream) {
  Unlink(stream);
  nghttp2_session_set_stream_user_data(session_, stream->id, nullptr);
  delete stream;
}

void H2Session::DropAllStreams() {
  while (streams_) Abandon(streams_);
}

void H2Session::Feed(Block* block, std::span<const uint8_t> bytes) {
  if (error_) return;
  feed_block_ = block;
  const ssize_t n = nghttp2_session_mem_recv(session_, bytes.data(), bytes.size());
  feed_block_ = nullptr;
  if (n < 0 && !error_) {
    error_ = kProtocolError;
    error_.what = nghttp2_strerror(static_cast<int>(n));
  }
  if (error_ || nghttp2_session_want_write(session_)) host_.WantWrite();
}

void H2Session::Drain(OutBuffer& out) {
  if (rest_size_ > 0) {
    const size_t n = std::min(rest_size_, out.room());
    out.Append(rest_, n);
    rest_ += n;
    rest_size_ -= n;
    if (rest_size_ > 0) return;
  }
  out_ = &out;
  // SendData needs room for a whole frame; everything else may be split.
  while (out.room() > kMaxFrame + 64) {
    const uint8_t* chunk = nullptr;
    const ssize_t n = nghttp2_session_mem_send(session_, &chunk);
    if (n <= 0) {
      if (n < 0 && !error_) error_ = kProtocolError;
      break;
    }
    const size_t fits = std::min(static_cast<size_t>(n), out.room());
    out.Append(chunk, fits);
    if (fits < static_cast<size_t>(n)) {
      rest_ = chunk + fits;
      rest_size_ = static_cast<size_t>(n) - fits;
      break;
    }
  }
  out_ = nullptr;
}

bool H2Session::over() const {
  return rest_size_ == 0 && !nghttp2_session_want_read(session_) && !nghttp2_session_want_write(session_);
}

void H2Session::Terminate(uint32_t code, const Error& error) {
  if (error_) return;
  error_ = error;
  nghttp2_session_terminate_session(session_, code);
  host_.WantWrite();
}

void H2Session::ResetStream(int32_t id, uint32_t code) {
  nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code);
  host_.WantWrite();
}

// A window's worth of the body was taken: how long did that take?
void H2Session::TuneWindow(H2Stream* stream) {
  const TimePoint now = host_.Now();
  const Duration took = now - stream->tuned_at_;
  stream->consumed_ = 0;
  stream->tuned_at_ = now;
  if (stream->window_ >= kMaxStreamWindow || took >= 2 * host_.RoundTrip() || BlockPool::Local().tight()) return;
  stream->window_ *= 2;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, stream->id, static_cast<int32_t>(stream->window_));
  if (connection_window_ >= stream->window_) return;
  connection_window_ = stream->window_;
  nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, static_cast<int32_t>(connection_window_));
}

nghttp2_data_provider H2Session::DataProvider(H2Stream* stream) {
  nghttp2_data_provider provider;
  provider.source.ptr = stream;
  provider.read_callback = &H2Session::ReadBody;
  return provider;
}

ssize_t H2Session::ReadBody(nghttp2_session* session, int32_t id, uint8_t*, size_t length, uint32_t* flags,
                            nghttp2_data_source* source, void*) {
  auto* stream = static_cast<H2Stream*>(source->ptr);
  BodyPipe* pipe = stream->out_;
  // Let go, or moved on to another attempt.
  if (!pipe || !pipe->is_reader(stream)) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  const size_t n = std::min({pipe->size(), length, static_cast<size_t>(kMaxFrame)});
  if (n == 0 && !pipe->ended()) {
    stream->deferred_ = true;
    return NGHTTP2_ERR_DEFERRED;
  }
  // An incomplete body ends in RST_STREAM, never in END_STREAM.
  if (n == 0 && pipe->failed()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  *flags |= NGHTTP2_DATA_FLAG_NO_COPY;
  if (pipe->finished() && n == pipe->size()) {
    *flags |= NGHTTP2_DATA_FLAG_EOF;
    if (!pipe->trailers().empty()) {
      *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
      auto& list = H2HeaderList::Local();
      list.Begin();
      list.AddAll(pipe->trailers());
      nghttp2_submit_trailer(session, id, list.data(), list.size());
    }
  }
  return static_cast<ssize_t>(n);
}

// ReadBody said how much and whether it is the end, maybe some turns ago: a frame without room waits inside nghttp2.
// Meanwhile the stream may have been given up, or its body may have moved on to another attempt, and then the bytes at
// the front are not this frame's. (What is still ours can only have grown.)
int H2Session::SendData(H2Stream* stream, const uint8_t* frame_header, size_t length, size_t padding) {
  static constexpr uint8_t kZeros[256] = {};
  BodyPipe* pipe = stream->out_;
  if (!pipe || !pipe->is_reader(stream) || pipe->size() < length) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  if (!out_ || out_->room() < 9 + length + padding) return NGHTTP2_ERR_WOULDBLOCK;
  out_->Append(frame_header, 9);
  if (padding > 0) {
    const auto pad_length = static_cast<uint8_t>(padding - 1);
    out_->Append(&pad_length, 1);
  }
  while (length > 0) {
    const auto front = pipe->Front();
    const size_t n = std::min(front.size(), length);
    out_->Append(front.data(), n);
    pipe->Consume(n);
    length -= n;
  }
  if (padding > 1) out_->Append(kZeros, padding - 1);
  return 0;
}

// ---- H2HeaderList --------------------------------------------------------------------------------------------------

H2HeaderList& H2HeaderList::Local() {
  static thread_local H2HeaderList list;
  return list;
}

void H2HeaderList::Add(std::string_view name, std::string_view value, uint8_t flags) {
  // nghttp2 takes pointers to non-const but does not write.
  auto* n = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(name.data()));
  auto* v = const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(value.data()));
  list_.push_back({n, v, name.size(), value.size(), static_cast<uint8_t>(flags | kNoCopy)});
}

void H2HeaderList::AddAll(const HeaderBlock& headers) {
  for (const Header& h : headers) {
    // Secrets stay out of the compression state (RFC 7541 §7.1.3), and so does what never comes twice: it would only
    // push useful entries out of the table.
    const bool secret = h.id == HeaderId::kAuthorization || (h.id == HeaderId::kCookie && h.value.size() < 20);
    const bool once = h.id == HeaderId::kXRequestId || h.id == HeaderId::kTraceparent;
    Add(h.name, h.value, secret || once ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
  }
}

void H2HeaderList::AddLength(int64_t length, Arena& arena) {
  char* text = static_cast<char*>(arena.Allocate(20, 1));
  const auto end = std::to_chars(text, text + 20, length).ptr;
  Add("content-length", {text, static_cast<size_t>(end - text)});
}

std::string_view StatusText(int status) {
  if (status < 100 || status > 999) status = 500;  // no codec lets one in; never a look beside the table
  static const auto table = [] {
    std::array<char, 900 * 3> t{};
    for (int s = 100; s < 1000; ++s) {
      const auto at = static_cast<size_t>(s - 100) * 3;
      t[at] = static_cast<char>('0' + s / 100);
      t[at + 1] = static_cast<char>('0' + s / 10 % 10);
      t[at + 2] = static_cast<char>('0' + s % 10);
    }
    return t;
  }();
  return {table.data() + static_cast<size_t>(status - 100) * 3, 3};
}

}  // namespace meridian
