#include "origin_connection.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <utility>

namespace meridian::bench {
namespace {

constexpr uint64_t kPage = 1024;

uint64_t Number(std::string_view text) {
  uint64_t n = 0;
  std::from_chars(text.data(), text.data() + text.size(), n);
  return n;
}

}  // namespace

void Request::Header(std::string_view name, std::string_view value) {
  if (name == "x-test-id") {
    id = static_cast<uint32_t>(Number(value));
  } else if (name == "content-length") {
    length = Number(value);
  } else if (name == "range") {
    range = value;
  } else if (name == "if-range") {
    if_range = value;
  }
}

Answer Region::Decide(const Request& request) {
  Answer answer;
  const bool probe = request.path == "/healthz";
  answer.shape = probe ? probes : pages;
  answer.status = answer.shape.status;
  ++(probe ? record->probes : record->requests);
  if (!probe && !pages.healthy()) ++record->touched;
  if (!request.range.empty()) ++record->ranges;
  if (!request.intact || request.received != request.length) ++record->wrong_bodies;
  if (!probe && request.method == "POST" && answer.shape.executed) record.Execute(request.id);
  constexpr std::string_view kBytes = "/bytes/";
  answer.file = request.path.starts_with(kBytes) ? Number(std::string_view(request.path).substr(kBytes.size())) : kPage;
  if (answer.status == 200 && request.range.starts_with("bytes=") &&
      (request.if_range.empty() || request.if_range == etag)) {
    answer.offset = std::min(Number(std::string_view(request.range).substr(6)), answer.file);
    answer.status = 206;
  }
  answer.length = answer.status == 200 || answer.status == 206 ? answer.file - answer.offset : 8;
  answer.has_body = request.method != "HEAD";
  return answer;
}

std::string_view Region::Piece(uint64_t offset, size_t size) {
  record->body_bytes += size;
  if (die_at > 0 && record->body_bytes >= die_at) _exit(9);
  return (etag.empty() ? plain : version).Piece(offset, size);
}

OriginConnection::OriginConnection(Loop& loop, Region& region, int fd, std::shared_ptr<const TlsServerContext> tls,
                                   bool h2)
    : loop_(loop),
      region_(region),
      protocol_(h2 ? MakeH2(*this) : MakeH1(*this)),
      transport_(tls ? AcceptTls(loop, fd, std::move(tls), *this) : AcceptTcp(loop, fd, *this)),
      later_(loop, Bind<&OriginConnection::OnLater>(this)),
      fate_(loop, Bind<&OriginConnection::OnFate>(this)) {}

void OriginConnection::OnTransportReady() { protocol_->Pull(); }

void OriginConnection::OnTransportReadable() {
  std::array<uint8_t, 64 * 1024> bytes;
  while (!over_) {
    const ReadResult read = transport_->Read(bytes.data(), bytes.size());
    if (read.bytes > 0 && !mute_) protocol_->OnBytes({bytes.data(), read.bytes});
    if (over_ || read.state == ReadState::kDrained) return;
    if (read.state != ReadState::kMore) return End();
  }
}

void OriginConnection::OnTransportWritable() {
  if (over_ || transport_->blocked()) return;
  if (!pending_.empty()) {
    const std::string bytes = std::exchange(pending_, {});
    Send(bytes);
  }
  if (!over_ && !mute_ && !full()) protocol_->Pull();
}

void OriginConnection::Send(std::string_view bytes) {
  if (over_ || mute_) return;
  if (transport_->blocked()) {
    pending_ += bytes;
  } else if (!transport_->Write({reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()})) {
    End();
  }
}

void OriginConnection::Close() { End(); }

void OriginConnection::Reset() {
  if (!over_) transport_->Abort();
  End();
}

void OriginConnection::CloseSoon() {
  mute_ = true;
  fate_.Arm(Loop::kTick * (std::rand() % 3));
}

void OriginConnection::ResetSoon() {
  mute_ = reset_ = true;
  fate_.Arm(kBeforeReset);
}

void OriginConnection::OnFate() { reset_ ? Reset() : Close(); }

void OriginConnection::End() {
  if (std::exchange(over_, true)) return;
  later_.Cancel();
  fate_.Cancel();
  loop_.Retire(std::move(transport_));
}

}  // namespace meridian::bench
