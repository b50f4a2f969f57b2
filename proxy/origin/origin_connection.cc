#include "origin/origin_connection.h"

#include "http/h1_client.h"
#include "http/h2_client.h"
#include "net/address.h"

namespace meridian {
namespace {

constexpr Error kConnectTimeout{ErrorCode::kConnectTimeout, Fault::kOrigin, Retry::kAlways, "connect timed out"};
constexpr Error kTlsTimeout{ErrorCode::kTlsFailed, Fault::kOrigin, Retry::kAlways, "TLS handshake timed out"};
constexpr Error kStuck{ErrorCode::kResponseTimeout, Fault::kOrigin, Retry::kIfIdempotent, "the connection is stuck"};
constexpr Error kIdle{};

}  // namespace

OriginConnection::OriginConnection(Loop& loop, const OriginOptions& options, const MessageLimits& limits,
                                   size_t streams, PoolGroup& its_group, ConnectionOwner& owner)
    : group(&its_group),
      loop_(loop),
      options_(options),
      limits_(limits),
      streams_(streams),
      owner_(&owner),
      wire_(loop, *this, false),
      connect_timer_(loop, Bind<&OriginConnection::OnConnectTimeout>(this)) {}

bool OriginConnection::Connect(const Endpoint& to, Duration patience, std::string_view header, Error* error) {
  endpoint_ = to;
  address_ = EndpointText(to);
  TransportSink& sink = wire_;
  auto transport = options_.tls ? ConnectTls(loop_, to, *options_.tls, options_.server_name, sink, error, header)
                                : ConnectTcp(loop_, to, sink, error, header);
  if (!transport) return false;
  wire_.SetTransport(std::move(transport));
  connect_timer_.Arm(patience);
  return true;
}

void OriginConnection::Close() { wire_.Close(kIdle, false); }
void OriginConnection::Abandon() { wire_.Close(kStuck, true); }

void OriginConnection::OnWireReady() {
  connect_timer_.Cancel();
  const bool http2 = UsesHttp2(options_.origin.protocol);
  // A peer that does not speak what we must speak is as bad as one that fails the handshake.
  if (options_.tls && http2 && wire_.transport()->alpn() != Alpn::kH2) {
    return wire_.Close({ErrorCode::kTlsFailed, Fault::kOrigin, Retry::kAlways, "the origin does not offer h2"}, false);
  }
  if (http2) {
    codec_ = std::make_unique<H2Client>(wire_, limits_, streams_);
  } else {
    codec_ = std::make_unique<H1Client>(wire_, limits_);
  }
  wire_.SetCodec(codec_.get());
  owner_->OnConnectionReady(*this);
}

void OriginConnection::OnWireClosed(const Error& error) {
  connect_timer_.Cancel();
  owner_->OnConnectionGone(*this, error);
}

void OriginConnection::OnConnectTimeout() { wire_.Close(connected() ? kTlsTimeout : kConnectTimeout, true); }

}  // namespace meridian
