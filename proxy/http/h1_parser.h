// HTTP/1 messages out of bytes, by llhttp in strict mode plus the checks it leaves to us: obs-fold, bare LF, spaces in
// the request line, header limits, `Transfer-Encoding` only as exactly `chunked` and only in HTTP/1.1. Requests and
// responses alike; one message at a time.
//
// Where llhttp refuses what is valid we read ourselves: methods (it knows some forty, and sees a GET for each), chunks
// (ChunkDecoder; it sees the last one only, and the trailers behind it), a tab in the line of Content-Length.
//
// The parser keeps nothing of the input: head text is copied into the arena of the message, bodies are handed on.
#pragma once

#include <llhttp.h>

#include <cstdint>
#include <span>
#include <string_view>

#include "http/chunk_decoder.h"
#include "http/codec.h"
#include "meridian/arena.h"
#include "meridian/message.h"

namespace meridian {

class H1ParserSink {
 public:
  enum class Head : uint8_t { kBody, kNoBody, kStop };
  // A message begins; where its head lives. Null: there must be none now, a failure.
  virtual Arena* OnMessageBegin() = 0;
  // All fields of the parser below are set.
  virtual Head OnHead() = 0;
  virtual void OnBody(std::span<const uint8_t> bytes) = 0;
  // headers() now holds the trailers. The parser stops here; what follows is the caller's to feed again.
  virtual void OnMessageEnd() = 0;

 protected:
  ~H1ParserSink() = default;
};

class H1Parser {
 public:
  enum class Failure : uint8_t {
    kNone,
    kMalformed,
    kHeadersTooLarge,
    kTargetTooLong,
    kBadTransferEncoding,
    kBadVersion,
    kBadMethod
  };

  H1Parser(bool requests, const MessageLimits& limits, H1ParserSink& sink);

  // Returns how many bytes were taken. Fewer than given: the rest is to be fed again, after a message's end as the next
  // one, or failure() is set.
  size_t Feed(std::span<const uint8_t> bytes);
  // The peer closed. True: that was a proper end (between messages, or of a body that lasts until close).
  bool FeedEof();
  // Ready for the next message on this connection.
  void Reset();
  Failure failure() const { return failure_; }
  bool in_message() const { return arena_ != nullptr; }

  // ---- of the current message, valid from OnHead
  std::string_view method() const { return method_; }
  std::string_view target() const { return target_; }
  int status() const { return llhttp_get_status_code(&mutable_parser()); }
  int minor_version() const { return parser_.http_minor; }
  int major_version() const { return parser_.http_major; }
  HeaderBlock& headers() { return headers_; }
  bool chunked() const { return chunked_; }
  int64_t content_length() const { return content_length_; }  // kUnknownLength without the field
  bool keep_alive() const { return keep_alive_; }
  int host_count() const { return host_count_; }

 private:
  llhttp_t& mutable_parser() const { return const_cast<llhttp_t&>(parser_); }
  static H1Parser* Self(llhttp_t* p) { return static_cast<H1Parser*>(p->data); }
  static const llhttp_settings_t* Settings();
  int Fail(Failure why);
  size_t ReadMethod(std::span<const uint8_t> bytes);
  size_t ReadHead(std::span<const uint8_t> bytes);
  size_t ReadChunks(std::span<const uint8_t> bytes);
  size_t Execute(std::span<const uint8_t> bytes);
  bool ScanFirstLine(const uint8_t* at, const uint8_t* end);
  size_t ScanHead(std::span<const uint8_t> bytes);
  int OnField(std::string_view piece);
  int OnValue(std::string_view piece);
  int OnHeaderDone();
  int OnHeadersDone();
  bool ReadKeepAlive() const;
  int OnBegin();
  bool AppendText(std::string_view* text, std::string_view piece, uint32_t limit, Failure why);

  const bool requests_;
  const MessageLimits& limits_;
  H1ParserSink& sink_;
  llhttp_t parser_;
  Arena* arena_ = nullptr;
  Failure failure_ = Failure::kNone;
  HeaderBlock headers_;
  std::string_view method_, target_, name_, value_;
  uint32_t header_bytes_ = 0;
  int64_t content_length_ = kUnknownLength;
  int host_count_ = 0;
  bool chunked_ = false;
  bool keep_alive_ = false;
  bool in_trailers_ = false;
  bool message_done_ = false;
  bool method_read_ = false;
  bool in_chunks_ = false;  // before the trailers
  ChunkDecoder chunks_;
  // What llhttp lets pass in a head, found by a look at its raw lines.
  bool head_scanned_ = false;  // the empty line was seen
  bool first_line_ = true;
  uint8_t last_byte_ = 0;    // of the line so far
  uint32_t line_bytes_ = 0;  // without CR LF
  int first_line_spaces_ = 0;
  bool protocol_next_ = false;  // the next byte is the first of it
};

}  // namespace meridian
