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
  if (arena_) return 0;  // a request began with its method
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
    const TrailerRule rule = RuleOfTrailer(id);
    if (rule == TrailerRule::kRefuse) return Fail(Failure::kMalformed);
    if (rule == TrailerRule::kPass) headers_.Add(name, value, id);
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
  if (action == H1ParserSink::Head::kNoBody) return 1;
  in_chunks_ = chunked_;
  return in_chunks_ ? static_cast<int>(HPE_PAUSED) : 0;
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

// For heads and trailers: how many of the bytes belong to it, or a failure. Lines end in CR LF (a bare LF is read as a
// line end by some and as text by others), and none but the first begins with white space (obs-fold, RFC 9112 §5.2).
size_t H1Parser::ScanHead(std::span<const uint8_t> bytes) {
  const uint8_t* at = bytes.data();
  const uint8_t* const end = at + bytes.size();
  const auto fail = [this] {
    Fail(Failure::kMalformed);
    return size_t{0};
  };
  while (at < end) {
    if (line_bytes_ == 0 && !first_line_ && (*at == ' ' || *at == '\t')) return fail();
    const auto* lf = static_cast<const uint8_t*>(std::memchr(at, '\n', static_cast<size_t>(end - at)));
    const uint8_t* stop = lf ? lf : end;
    line_bytes_ += static_cast<uint32_t>(stop - at);
    if (first_line_ && !ScanFirstLine(at, stop)) return fail();
    if (stop > at) last_byte_ = stop[-1];
    if (!lf) break;
    if (last_byte_ != '\r' || line_bytes_ == 0) return fail();
    const bool empty = line_bytes_ == 1;  // the CR
    at = lf + 1;
    if (first_line_ && !empty) {
      if (requests_ && first_line_spaces_ != 2) return fail();
      first_line_ = false;
    } else if (!first_line_ && empty) {
      head_scanned_ = true;
      return static_cast<size_t>(at - bytes.data());
    }
    line_bytes_ = 0;
    last_byte_ = 0;
  }
  return bytes.size();
}

size_t H1Parser::Feed(std::span<const uint8_t> bytes) {
  if (failure_ != Failure::kNone || bytes.empty()) return 0;
  if (in_chunks_) return ReadChunks(bytes);
  if (head_scanned_) return Execute(bytes);  // a body
  const size_t head = ScanHead(bytes);
  return failure_ == Failure::kNone ? ReadHead(bytes.first(head)) : 0;
}

// Up to and including the space behind it.
size_t H1Parser::ReadMethod(std::span<const uint8_t> bytes) {
  size_t at = 0;
  if (!arena_) {
    while (at < bytes.size() && (bytes[at] == '\r' || bytes[at] == '\n')) ++at;  // empty lines, RFC 9112 §2.2
    if (at == bytes.size() || OnBegin() != 0) return at;
  }
  const size_t begin = at;
  while (at < bytes.size() && IsTokenChar(static_cast<char>(bytes[at]))) ++at;
  const std::string_view piece(reinterpret_cast<const char*>(bytes.data()) + begin, at - begin);
  if (!AppendText(&method_, piece, kMaxMethodBytes, Failure::kBadMethod) || at == bytes.size()) return at;
  int refused = bytes[at] == ' ' ? CheckMethod(method_) : 400;
  if (refused == 0 && method_ == "CONNECT") refused = 501;  // its target has a form of its own
  if (refused) {
    Fail(refused == 501 ? Failure::kBadMethod : Failure::kMalformed);
    return at;
  }
  method_read_ = true;
  static constexpr uint8_t kStandIn[] = {'G', 'E', 'T', ' '};
  Execute(kStandIn);
  return at + 1;
}

size_t H1Parser::ReadHead(std::span<const uint8_t> bytes) {
  size_t taken = requests_ && !method_read_ ? ReadMethod(bytes) : 0;
  while (taken < bytes.size() && failure_ == Failure::kNone) {
    const auto rest = bytes.subspan(taken);
    const auto* tab = static_cast<const uint8_t*>(std::memchr(rest.data(), '\t', rest.size()));
    const size_t before = tab ? static_cast<size_t>(tab - rest.data()) : rest.size();
    const size_t n = before > 0 ? Execute(rest.first(before)) : 0;
    taken += n;
    if (n < before || !tab || failure_ != Failure::kNone) break;
    // White space like any other (RFC 9110 §5.5), but llhttp wants a space behind the digits of a length.
    static constexpr uint8_t kSpace[] = {' '};
    Execute(EqualsIgnoreCase(name_, "content-length") ? std::span(kSpace) : rest.subspan(before, 1));
    ++taken;
  }
  return taken;
}

size_t H1Parser::ReadChunks(std::span<const uint8_t> bytes) {
  std::span<const uint8_t> data;
  const size_t taken = chunks_.Feed(bytes, &data);
  if (chunks_.bad()) Fail(Failure::kMalformed);
  if (chunks_.last()) {
    in_chunks_ = false;
    // Trailers are read like a head, without a first line.
    head_scanned_ = false;
    line_bytes_ = 0;
    last_byte_ = 0;
    static constexpr uint8_t kLastChunk[] = {'0', '\r', '\n'};
    Execute(kLastChunk);
  }
  if (!data.empty()) sink_.OnBody(data);
  return taken;
}

size_t H1Parser::Execute(std::span<const uint8_t> bytes) {
  const char* begin = reinterpret_cast<const char*>(bytes.data());
  const llhttp_errno_t code = llhttp_execute(&parser_, begin, bytes.size());
  if (code == HPE_OK) return bytes.size();
  const char* stop = llhttp_get_error_pos(&parser_);
  const size_t taken = stop ? static_cast<size_t>(stop - begin) : 0;
  if (code == HPE_PAUSED) {
    llhttp_resume(&parser_);
    if (message_done_) sink_.OnMessageEnd();
  } else if (failure_ == Failure::kNone) {
    failure_ = code == HPE_INVALID_VERSION             ? Failure::kBadVersion
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
  chunks_ = {};
  chunked_ = keep_alive_ = in_trailers_ = message_done_ = protocol_next_ = method_read_ = in_chunks_ = false;
}

}  // namespace meridian
