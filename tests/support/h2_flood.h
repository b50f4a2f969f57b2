// What tests of floods throw at the server codec, as a wire would.
#pragma once

#include <string>
#include <string_view>

#include "http/h2_server.h"
#include "support/h2_raw.h"
#include "support/scripted_http.h"

namespace meridian::testing {

// As the wire does, each time in a turn of its own.
inline void Deliver(H2Server& server, std::string_view bytes) {
  for (size_t at = 0; at < bytes.size();) {
    const size_t share = server.ShareOfTurn(Bytes(bytes.substr(at)), true);
    server.OnBytes(nullptr, Bytes(bytes.substr(at, share)));
    at += share;
  }
}

// Requests on the streams number `first` and after it.
inline std::string Gets(uint32_t first, uint32_t count) {
  std::string out;
  for (uint32_t i = 0; i < count; ++i) {
    out += h2::Headers(2 * (first + i) + 1,
                       {{":method", "GET"}, {":scheme", "http"}, {":authority", "h"}, {":path", "/"}});
  }
  return out;
}

class CountingSink final : public ServerSink {
 public:
  RequestHandler* OnRequestBegin(ServerStream& stream) override { return requests.OnRequestBegin(stream); }
  void OnStreamRefused() override { ++refused; }
  ScriptedSink requests;
  int refused = 0;
};

// A server of a test's own, behind its client's preface and SETTINGS, and what the client says `then`.
struct FloodedServer {
  explicit FloodedServer(std::string_view then = {}) {
    Deliver(server, std::string(h2::kPreface) + h2::Settings() + std::string(then));
  }
  ~FloodedServer() { server.OnClosed({}); }
  const MessageLimits limits;
  FakeHost host;
  CountingSink sink;
  H2Server server{host, sink, limits, false};
};

}  // namespace meridian::testing
