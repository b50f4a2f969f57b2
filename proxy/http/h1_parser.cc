#include "http/h1_parser.h"

#include <cstring>
#include <utility>

#include "http/header_rules.h"

namespace meridian {

H1Parser::H1Parser(bool requests, const MessageLimits& limits, H1ParserSink& sink)
    : requests_(requests), limits_(limits), sink_(sink) {
  llhttp_init(&parser_, requests ? HTTP_REQUEST : HTTP_RESPONSE, Settings());
  parser_.data = this;
}

const llhttp_settings_t* H1Parser::Settings() {
  static const llhttp_settings_t settings = [] {
    llhttp_settings_t s;
    llhttp_settings_init(&s);
    s.on_message_begin = [](llhttp_t* p) { return Self(p)->OnBegin(); };
    s.on_method = [](llhttp_t* p, const char* at, size_t n) {
      H1Parser* self = Self(p);
      return self->AppendText(&self->method_, {at, n}, 64, Failure::kBadMethod) ? 0 : -1;
    };
    s.on_url = [](llhttp_t* p, const char* at, size_t n) {
      H1Parser* self = Self(p);
      self->header_bytes_ += static_cast<uint32_t>(n);  // the whole head fits into one flush
      return self->AppendText(&self->target_, {at, n}, self->limits_.max_target_bytes, Failure::kTargetTooLong) ? 0
                                                                                                                : -1;
    };
    s.on_header_field = [](llhttp_t* p, const char* at, size_t n) { return Self(p)->OnField({at, n}); };
    s.on_header_value = [](llhttp_t* p, const char* at, size_t n) { return Self(p)->OnValue({at, n}); };
    s.on_header_value_complete = [](llhttp_t* p) { return Self(p)->OnHeaderDone(); };
    s.on_headers_complete = [](llhttp_t* p) { return Self(p)->OnHeadersDone(); };
    s.on_body = [](llhttp_t* p, const char* at, size_t n) {
      Self(p)->sink_.OnBody({reinterpret_cast<const uint8_t*>(at), n});
      return 0;
    };
    s.on_chunk_extension_name = [](llhttp_t* p, const char*, size_t n) { return Self(p)->OnExtension(n, true); };
    s.on_chunk_extension_value = [](llhttp_t* p, const char*, size_t n) { return Self(p)->OnExtension(n, false); };
    s.on_chunk_extension_name_complete = [](llhttp_t* p) {
      return Self(p)->extension_name_bytes_ == 0 ? Self(p)->Fail(Failure::kMalformed) : 0;
    };
    s.on_chunk_header = [](llhttp_t* p) {
      // Its lines are trailers from here on: Feed has a look at them first.
      return p->content_length == 0 ? static_cast<int>(HPE_PAUSED) : 0;
    };
    s.on_message_complete = [](llhttp_t* p) {
      Self(p)->message_done_ = true;
      return static_cast<int>(HPE_PAUSED);
    };
    return s;
  }();
  return &settings;
}

int H1Parser::Fail(Failure why) {
  if (failure_ == Failure::kNone) failure_ = why;
  return -1;
}

int H1Parser::OnBegin() {
  arena_ = sink_.OnMessageBegin();
  if (!arena_) return Fail(Failure::kMalformed);  // bytes nobody asked for
  headers_ = HeaderBlock(arena_);
  return 0;
}

bool H1Parser::AppendText(std::string_view* text, std::string_view piece, uint32_t limit, Failure why) {
  if (text->size() + piece.size() > limit) {
    Fail(why);
    return false;
  }
  *text = text->empty() ? arena_->Copy(piece) : arena_->Append(*text, piece);
  return true;
}

int H1Parser::OnField(std::string_view piece) {
  header_bytes_ += static_cast<uint32_t>(piece.size());
  const uint32_t limit = in_trailers_ ? limits_.max_trailer_bytes : limits_.max_header_bytes;
  if (header_bytes_ > limit) return Fail(Failure::kHeadersTooLarge);
  name_ = name_.empty() ? arena_->Copy(piece) : arena_->Append(name_, piece);
  return 0;
}

int H1Parser::OnValue(std::string_view piece) {
  header_bytes_ += static_cast<uint32_t>(piece.size());
  const uint32_t limit = in_trailers_ ? limits_.max_trailer_bytes : limits_.max_header_bytes;
  if (header_bytes_ > limit) return Fail(Failure::kHeadersTooLarge);
  value_ = value_.empty() ? arena_->Copy(piece) : arena_->Append(value_, piece);
  return 0;
}

int H1Parser::OnExtension(size_t size, bool name) {
  extension_name_bytes_ = name ? extension_name_bytes_ + size : 0;
  extension_bytes_ += size;
  return extension_bytes_ > kMaxExtensionBytes ? Fail(Failure::kMalformed) : 0;
}

int H1Parser::OnHeaderDone() {
  header_bytes_ += 32;
  if (headers_.size() >= limits_.max_headers) return Fail(Failure::kHeadersTooLarge);
  while (!value_.empty() && (value_.back() == ' ' || value_.back() == '\t')) value_.remove_suffix(1);
  const std::string_view name = LowerCopy(*arena_, name_);
  const HeaderId id = IdentifyHeader(name);
  const std::string_view value = value_;
  name_ = value_ = {};
  if (!IsToken(name)) return Fail(Failure::kMalformed);
  if (in_trailers_) {
    if (IsForbiddenTrailer(id)) return Fail(Failure::kMalformed);
    headers_.Add(name, value, id);
    return 0;
  }
  switch (id) {
    case HeaderId::kContentLength: {
      const int64_t length = ParseContentLength(value);
      if (length < 0 || content_length_ != kUnknownLength) return Fail(Failure::kMalformed);
      content_length_ = length;
      return 0;  // framing is not part of the list
    }
    case HeaderId::kTransferEncoding:
      if (chunked_ || !EqualsIgnoreCase(value, "chunked")) return Fail(Failure::kBadTransferEncoding);
      chunked_ = true;
      return 0;
    case HeaderId::kHost:
      ++host_count_;
      break;
    default:
      break;
  }
  headers_.Add(name, value, id);
  return 0;
}

// RFC 9112 §9.3: `close` wins, whatever else is said. llhttp has its flags for this, but takes no tab for white space.
bool H1Parser::ReadKeepAlive() const {
  bool close = false, keep = parser_.http_minor == 1;
  for (const Header& h : headers_) {
    if (h.id != HeaderId::kConnection) continue;
    ForEachElement(h.value, [&](std::string_view option) {
      close |= EqualsIgnoreCase(option, "close");
      keep |= EqualsIgnoreCase(option, "keep-alive");
    });
  }
  return keep && !close;
}

int H1Parser::OnHeadersDone() {
  if (parser_.http_major != 1 || parser_.http_minor > 1) return Fail(Failure::kBadVersion);
  if (chunked_ && (parser_.http_minor == 0 || content_length_ != kUnknownLength)) {
    return Fail(Failure::kBadTransferEncoding);
  }
  keep_alive_ = ReadKeepAlive();
  // Its own reading of the field takes no tab for white space, and would make another body of it.
  if (chunked_) parser_.flags |= F_CHUNKED;
  parser_.upgrade = 0;  // what an upgrade means is the codec's to say: llhttp reads plain messages
  const auto action = sink_.OnHead();
  if (action == H1ParserSink::Head::kStop) return Fail(Failure::kMalformed);
  headers_ = HeaderBlock(arena_);
  header_bytes_ = 0;
  in_trailers_ = true;
  return action == H1ParserSink::Head::kNoBody ? 1 : 0;
}

// A request line has exactly two spaces, and HTTP behind the second: llhttp would take RTSP and ICE as well. A reason
// phrase is any text without NUL.
bool H1Parser::ScanFirstLine(const uint8_t* at, const uint8_t* end) {
  const auto rest = [&] { return static_cast<size_t>(end - at); };
  if (!requests_) return at == end || !std::memchr(at, 0, rest());
  while (at < end) {
    if (std::exchange(protocol_next_, false) && *at != 'H') return false;
    const auto* space = static_cast<const uint8_t*>(std::memchr(at, ' ', rest()));
    if (!space) return true;
    if (++first_line_spaces_ > 2) return false;
    protocol_next_ = first_line_spaces_ == 2;
    at = space + 1;
  }
  return true;
}

// For heads and trailers. Lines end in CR LF (a bare LF is read as a line end by some and as text by others), and none
// but the first begins with white space (obs-fold, RFC 9112 §5.2).
bool H1Parser::ScanHead(std::span<const uint8_t> bytes) {
  const uint8_t* at = bytes.data();
  const uint8_t* const end = at + bytes.size();
  while (at < end) {
    if (line_bytes_ == 0 && !first_line_ && (*at == ' ' || *at == '\t')) return false;
    const auto* lf = static_cast<const uint8_t*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    const uint8_t* stop = lf ? lf : end;
    line_bytes_ += static_cast<uint32_t>(stop - at);
    if (first_line_ && !ScanFirstLine(at, stop)) return false;
    if (stop > at) last_byte_ = stop[-1];
    if (!lf) return true;
    if (last_byte_ != '\r' || line_bytes_ == 0) return false;
    const bool empty = line_bytes_ == 1;  // the CR
    if (first_line_ && !empty) {
      if (requests_ && first_line_spaces_ != 2) return false;
      first_line_ = false;
    } else if (!first_line_ && empty) {
      head_scanned_ = true;
      return true;
    }
    line_bytes_ = 0;
    last_byte_ = 0;
    at = lf + 1;
  }
  return true;
}

size_t H1Parser::Feed(std::span<const uint8_t> bytes) {
  if (failure_ != Failure::kNone || bytes.empty()) return 0;
  if (!head_scanned_ && !ScanHead(bytes)) {
    Fail(Failure::kMalformed);
    return 0;
  }
  const char* begin = reinterpret_cast<const char*>(bytes.data());
  const llhttp_errno_t code = llhttp_execute(&parser_, begin, bytes.size());
  if (code == HPE_OK) return bytes.size();
  const char* stop = llhttp_get_error_pos(&parser_);
  const size_t taken = stop ? static_cast<size_t>(stop - begin) : 0;
  if (code == HPE_PAUSED) {
    llhttp_resume(&parser_);
    if (message_done_) {
      sink_.OnMessageEnd();
    } else {
      head_scanned_ = false;
      line_bytes_ = 0;
      last_byte_ = 0;
    }
    return taken;
  }
  if (failure_ == Failure::kNone) {
    failure_ = code == HPE_INVALID_METHOD              ? Failure::kBadMethod
               : code == HPE_INVALID_VERSION           ? Failure::kBadVersion
               : code == HPE_INVALID_TRANSFER_ENCODING ? Failure::kBadTransferEncoding
                                                       : Failure::kMalformed;
  }
  return taken;
}

bool H1Parser::FeedEof() {
  if (!arena_) return true;
  if (failure_ != Failure::kNone || llhttp_message_needs_eof(&parser_) == 0) return false;
  llhttp_finish(&parser_);
  if (!message_done_) return false;
  sink_.OnMessageEnd();
  return true;
}

void H1Parser::Reset() {
  llhttp_reset(&parser_);
  arena_ = nullptr;
  headers_ = {};
  method_ = target_ = name_ = value_ = {};
  header_bytes_ = 0;
  content_length_ = kUnknownLength;
  host_count_ = 0;
  head_scanned_ = false;
  first_line_ = true;
  last_byte_ = 0;
  line_bytes_ = 0;
  first_line_spaces_ = 0;
  extension_bytes_ = extension_name_bytes_ = 0;
  chunked_ = keep_alive_ = in_trailers_ = message_done_ = protocol_next_ = false;
}

}  // namespace meridian
