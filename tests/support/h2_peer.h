// The other side of an HTTP/2 connection, in memory: a client or a server made of nghttp2 alone.
#pragma once

#include <nghttp2/nghttp2.h>

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace meridian::testing {

class H2Peer {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;
  struct Stream {
    std::string Field(std::string_view name) const {
      for (const auto& [n, v] : fields) {
        if (n == name) return v;
      }
      return {};
    }
    std::string All(std::string_view name) const {
      std::string out;
      for (const auto& [n, v] : fields) {
        if (n == name) out += (out.empty() ? "" : ",") + v;
      }
      return out;
    }
    Fields fields{};
    std::string body{}, outbox{};
    Fields trailers{};
    size_t head_fields = 0;  // those in `fields` behind them are trailers
    bool head_done = false, ended = false, closed = false, end_after_outbox = false, has_trailers = false;
    uint32_t code = 0;
  };

  explicit H2Peer(bool server, std::vector<nghttp2_settings_entry> settings = {}) {
    nghttp2_session_callbacks* c = nullptr;
    nghttp2_session_callbacks_new(&c);
    nghttp2_session_callbacks_set_on_header_callback(
        c, [](nghttp2_session*, const nghttp2_frame* f, const uint8_t* n, size_t ns, const uint8_t* v, size_t vs,
              uint8_t, void* self) {
          Of(self, f->hd.stream_id)
              .fields.emplace_back(std::string(reinterpret_cast<const char*>(n), ns),
                                   std::string(reinterpret_cast<const char*>(v), vs));
          return 0;
        });
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(
        c, [](nghttp2_session* s, uint8_t, int32_t id, const uint8_t* data, size_t size, void* self) {
          Of(self, id).body.append(reinterpret_cast<const char*>(data), size);
          if (static_cast<H2Peer*>(self)->consume_) nghttp2_session_consume(s, id, size);
          return 0;
        });
    nghttp2_session_callbacks_set_on_frame_recv_callback(c, [](nghttp2_session*, const nghttp2_frame* f, void* self) {
      auto* peer = static_cast<H2Peer*>(self);
      if (f->hd.type == NGHTTP2_GOAWAY) {
        peer->goaway_ = true;
        peer->goaway_code_ = f->goaway.error_code;
      }
      if (f->hd.type != NGHTTP2_HEADERS && f->hd.type != NGHTTP2_DATA) return 0;
      Stream& stream = Of(self, f->hd.stream_id);
      if (f->hd.type == NGHTTP2_HEADERS && !stream.head_done) {
        stream.head_done = true;
        stream.head_fields = stream.fields.size();
        peer->heads_.push_back(f->hd.stream_id);
      }
      if (f->hd.flags & NGHTTP2_FLAG_END_STREAM) stream.ended = true;
      return 0;
    });
    nghttp2_session_callbacks_set_on_stream_close_callback(c,
                                                           [](nghttp2_session*, int32_t id, uint32_t code, void* self) {
                                                             Of(self, id).closed = true;
                                                             Of(self, id).code = code;
                                                             return 0;
                                                           });
    nghttp2_option* options = nullptr;
    nghttp2_option_new(&options);
    nghttp2_option_set_no_auto_window_update(options, 1);
    nghttp2_option_set_no_http_messaging(options, 1);  // it may send what is not allowed
    if (server) {
      nghttp2_session_server_new2(&session_, c, this, options);
    } else {
      nghttp2_session_client_new2(&session_, c, this, options);
    }
    nghttp2_option_del(options);
    nghttp2_session_callbacks_del(c);
    nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size());
  }
  ~H2Peer() { nghttp2_session_del(session_); }
  H2Peer(const H2Peer&) = delete;
  H2Peer& operator=(const H2Peer&) = delete;

  std::string Output() {
    std::string out;
    const uint8_t* data = nullptr;
    for (ssize_t n; (n = nghttp2_session_mem_send(session_, &data)) > 0;) {
      out.append(reinterpret_cast<const char*>(data), static_cast<size_t>(n));
    }
    return out;
  }
  void Input(std::string_view bytes) {
    nghttp2_session_mem_recv(session_, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
  }

  // ---- as a client
  int32_t Request(const Fields& fields, bool body = false) {
    const auto list = List(fields);
    nghttp2_data_provider provider = Provider();
    return nghttp2_submit_request(session_, nullptr, list.data(), list.size(), body ? &provider : nullptr, nullptr);
  }
  // ---- as a server
  void Respond(int32_t id, const Fields& fields, bool body = false) {
    const auto list = List(fields);
    nghttp2_data_provider provider = Provider();
    nghttp2_submit_response(session_, id, list.data(), list.size(), body ? &provider : nullptr);
  }
  void Inform(int32_t id, const Fields& fields) {
    const auto list = List(fields);
    nghttp2_submit_headers(session_, NGHTTP2_FLAG_NONE, id, nullptr, list.data(), list.size(), nullptr);
  }
  void GoAway(int32_t last_id, uint32_t code = NGHTTP2_NO_ERROR) {
    nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, last_id, code, nullptr, 0);
  }
  // ---- both
  void Send(int32_t id, std::string_view bytes) {
    streams_[id].outbox += bytes;
    nghttp2_session_resume_data(session_, id);
  }
  void End(int32_t id, const Fields& trailers = {}) {
    streams_[id].end_after_outbox = true;
    streams_[id].trailers = trailers;
    nghttp2_session_resume_data(session_, id);
  }
  void Reset(int32_t id, uint32_t code) { nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code); }
  void Ping() { nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr); }
  void set_consume(bool consume) { consume_ = consume; }
  // The window of the whole connection.
  void OpenConnection(int32_t window) { nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, window); }

  Stream& stream(int32_t id) { return streams_[id]; }
  // Streams in the order in which their heads came.
  const std::vector<int32_t>& heads() const { return heads_; }
  bool got_goaway() const { return goaway_; }
  uint32_t goaway_code() const { return goaway_code_; }

 private:
  static Stream& Of(void* self, int32_t id) { return static_cast<H2Peer*>(self)->streams_[id]; }
  static std::vector<nghttp2_nv> List(const Fields& fields) {
    std::vector<nghttp2_nv> list;
    for (const auto& [n, v] : fields) {
      list.push_back({const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(n.data())),
                      const_cast<uint8_t*>(reinterpret_cast<const uint8_t*>(v.data())), n.size(), v.size(),
                      NGHTTP2_NV_FLAG_NONE});
    }
    return list;
  }
  nghttp2_data_provider Provider() {
    nghttp2_data_provider provider;
    provider.source.ptr = this;
    provider.read_callback = [](nghttp2_session* session, int32_t id, uint8_t* into, size_t capacity, uint32_t* flags,
                                nghttp2_data_source*, void* self) -> ssize_t {
      Stream& stream = Of(self, id);
      const size_t n = std::min(capacity, stream.outbox.size());
      if (n == 0 && !stream.end_after_outbox) return NGHTTP2_ERR_DEFERRED;
      std::copy_n(stream.outbox.data(), n, reinterpret_cast<char*>(into));
      stream.outbox.erase(0, n);
      if (stream.outbox.empty() && stream.end_after_outbox) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        if (!stream.trailers.empty()) {
          *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
          const auto list = List(stream.trailers);
          nghttp2_submit_trailer(session, id, list.data(), list.size());
        }
      }
      return static_cast<ssize_t>(n);
    };
    return provider;
  }

  nghttp2_session* session_ = nullptr;
  std::map<int32_t, Stream> streams_;
  std::vector<int32_t> heads_;
  bool consume_ = true;
  bool goaway_ = false;
  uint32_t goaway_code_ = 0;
};

}  // namespace meridian::testing
