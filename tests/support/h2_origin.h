// An HTTP/2 origin in the clear that answers every request with 200 and remembers what it was sent; nghttp2 reads it.
#pragma once

#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "support/h2_peer.h"
#include "support/session_server.h"

namespace meridian::testing {

class H2Origin {
 public:
  std::string url() const { return "h2c://127.0.0.1:" + std::to_string(server_.port()); }
  // Requests that came whole, since the last call.
  std::vector<H2Peer::Stream> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(received_, {});
  }

 private:
  void Serve(Connection* connection) {
    H2Peer peer(true);
    size_t looked = 0;
    std::set<int32_t> open;
    for (std::string bytes; !server_.stopping(); bytes.clear()) {
      connection->Send(peer.Output(), Deadline(5s));
      if (connection->Read(&bytes, Deadline(120s)) != ReadEnd::kData) break;
      peer.Input(bytes);
      for (; looked < peer.heads().size(); ++looked) open.insert(peer.heads()[looked]);
      std::erase_if(open, [&](int32_t id) {
        const H2Peer::Stream& stream = peer.stream(id);
        if (stream.ended && stream.Field(":path") != "/healthz") {
          const std::lock_guard lock(mutex_);
          received_.push_back(stream);
        }
        if (stream.ended) peer.Respond(id, {{":status", "200"}});
        return stream.ended || stream.closed;
      });
    }
  }

  std::mutex mutex_;
  std::vector<H2Peer::Stream> received_;
  SessionServer server_{[this](Connection* connection, uint64_t) { Serve(connection); }};
};

}  // namespace meridian::testing
