// HTTP/1.1 of the fault origin: one request after the other, bodies by Content-Length.
#include <algorithm>
#include <string>
#include <utility>

#include "origin_connection.h"

namespace meridian::bench {
namespace {

class H1 final : public Protocol {
 public:
  explicit H1(OriginConnection& connection) : c_(connection) {}

  void OnBytes(std::span<const uint8_t> bytes) override {
    while (!bytes.empty() && !c_.over()) {
      bytes = in_body_ ? Body(bytes) : Head(bytes);
    }
  }
  void Pull() override {
    while (left_ > 0 && !c_.full() && !c_.over()) {
      const size_t n = std::min<uint64_t>(left_, kPieceMax);
      left_ -= n;
      c_.Send(c_.region().Piece(std::exchange(at_, at_ + n), n));
      if (left_ == 0) Sent();
    }
  }
  void OnLater() override { Begin(); }

 private:
  std::span<const uint8_t> Head(std::span<const uint8_t> bytes) {
    const size_t before = head_.size();
    head_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const size_t end = head_.find("\r\n\r\n", before < 3 ? 0 : before - 3);
    if (end == std::string::npos) return {};
    bytes = bytes.subspan(end + 4 - before);
    Parse(std::string_view(head_).substr(0, end));
    head_.clear();
    in_body_ = request_.length > 0;
    if (!in_body_) Decide();
    return bytes;
  }

  void Parse(std::string_view head) {
    request_ = {};
    const std::string_view first = head.substr(0, head.find("\r\n"));
    const size_t space = std::min(first.find(' '), first.size());
    request_.method = first.substr(0, space);
    request_.path = first.substr(space + 1, std::min(first.find(' ', space + 1), first.size()) - space - 1);
    while (true) {
      const size_t line = head.find("\r\n");
      if (line == std::string_view::npos) return;
      head.remove_prefix(line + 2);
      const std::string_view field = head.substr(0, head.find("\r\n"));
      const size_t colon = field.find(':');
      if (colon == std::string_view::npos) continue;
      std::string name(field.substr(0, colon));
      std::transform(name.begin(), name.end(), name.begin(), [](unsigned char ch) { return std::tolower(ch); });
      const size_t value = field.find_first_not_of(' ', colon + 1);
      request_.Header(name, value == std::string_view::npos ? std::string_view{} : field.substr(value));
    }
  }

  std::span<const uint8_t> Body(std::span<const uint8_t> bytes) {
    const size_t n = std::min<uint64_t>(bytes.size(), request_.length - request_.received);
    request_.Body(c_.region().plain, bytes.first(n));
    if (request_.received == request_.length) {
      in_body_ = false;
      Decide();
    }
    return bytes.subspan(n);
  }

  void Decide() {
    answer_ = c_.region().Decide(request_);
    answer_.shape.delay > Duration{} ? c_.Later(answer_.shape.delay) : Begin();
  }

  void Begin() {
    const Shape& shape = answer_.shape;
    if (shape.interim) c_.Send("HTTP/1.1 103 Early Hints\r\nlink: </style.css>; rel=preload\r\n\r\n");
    std::string head = HeadText();
    if (shape.head == Part::kHalf) head.resize(head.size() / 2);
    if (shape.head == Part::kNone) head.clear();
    at_ = answer_.offset;
    left_ = answer_.sent();
    if (left_ > 0 && left_ < 4096) {
      head += c_.region().Piece(at_, left_);
      left_ = 0;
    }
    if (!head.empty()) c_.Send(head);
    left_ > 0 ? Pull() : Sent();
  }

  void Sent() {
    switch (answer_.shape.end) {
      case End::kComplete:
        if (answer_.shape.stale) c_.CloseSoon();
        return;
      case End::kSilence:
        return c_.Mute();
      case End::kReset:
        if (answer_.shape.head == Part::kNone && !answer_.shape.interim) return c_.Reset();
        return c_.ResetSoon();
      default:
        return c_.Close();
    }
  }

  std::string HeadText() const {
    const Answer& a = answer_;
    std::string text = "HTTP/1.1 " + std::to_string(a.status);
    text += a.status == 200 ? " OK" : a.status == 206 ? " Partial Content" : " Failing";
    text += "\r\ncontent-type: application/octet-stream\r\nx-region: " + c_.region().name;
    if (!c_.region().etag.empty()) text += "\r\naccept-ranges: bytes\r\netag: " + c_.region().etag;
    if (a.status == 429) text += "\r\nretry-after: 1";
    if (a.status == 206) {
      text += "\r\ncontent-range: bytes " + std::to_string(a.offset) + "-" + std::to_string(a.file - 1) + "/" +
              std::to_string(a.file);
    }
    return text + "\r\ncontent-length: " + std::to_string(a.length) + "\r\n\r\n";
  }

  OriginConnection& c_;
  std::string head_;
  bool in_body_ = false;
  Request request_;
  Answer answer_;
  uint64_t at_ = 0, left_ = 0;
};

}  // namespace

std::unique_ptr<Protocol> MakeH1(OriginConnection& connection) { return std::make_unique<H1>(connection); }

}  // namespace meridian::bench
