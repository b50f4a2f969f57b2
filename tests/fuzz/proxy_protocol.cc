// What a balancer sends first: a header, no header, or not yet one. More bytes never change what was decided, and what
// was read can be written again.
#include "net/proxy_protocol.h"

#include <span>

#include "fuzz/input.h"
#include "net/address.h"

using namespace meridian;
using State = ProxyHeader::State;

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

bool Same(const ProxyHeader& a, const ProxyHeader& b) {
  return a.state == b.state && a.size == b.size && a.client == b.client;
}

ProxyHeader Parse(std::string_view text) {
  return ParseProxyHeader({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::span<const uint8_t> bytes(data, size);
  const ProxyHeader whole = ParseProxyHeader(bytes);
  Require(whole.state == State::kDone || (whole.size == 0 && !whole.client));
  ProxyHeader last;
  for (size_t n = 0; n <= size; ++n) {
    const ProxyHeader now = ParseProxyHeader(bytes.first(n));
    if (last.state != State::kIncomplete) Require(Same(now, last));
    if (now.state == State::kDone) Require(now.size <= n && (last.state == State::kDone || now.size == n));
    last = now;
  }
  if (whole.state != State::kDone) {
    Require(whole.state == State::kMalformed || size < ProxyHeader::kMaxV2);
    return 0;
  }
  Require(whole.size >= 15 && whole.size <= ProxyHeader::kMaxV2);
  if (!whole.client) return 0;
  const std::string ip = IpText(*whole.client);
  const std::string port = std::to_string(whole.client->port);
  const ProxyHeader again =
      Parse((whole.client->v6 ? "PROXY TCP6 " : "PROXY TCP4 ") + ip + " " + ip + " " + port + " " + port + "\r\n");
  Require(again.state == State::kDone && again.client == whole.client);
  return 0;
}
