// An HTTP/2 origin in the clear that answers every request with 200 and remembers what it was sent. nghttp2 reads it;
// one blocking thread per connection.
#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <atomic>
#include <list>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "support/connection.h"
#include "support/h2_peer.h"
#include "support/sockets.h"

namespace meridian::testing {

class H2Origin {
 public:
  H2Origin() : listener_(ListenOn(0)), port_(LocalPort(listener_.get())) {
    acceptor_ = std::thread([this] { AcceptLoop(); });
  }
  ~H2Origin() {
    stopping_ = true;
    acceptor_.join();
    for (auto& session : sessions_) session->connection.Abort();
    for (auto& session : sessions_) session->thread.join();
  }
  H2Origin(const H2Origin&) = delete;
  H2Origin& operator=(const H2Origin&) = delete;

  std::string url() const { return "h2c://127.0.0.1:" + std::to_string(port_); }
  // Requests that came whole, since the last call.
  std::vector<H2Peer::Stream> Take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(received_, {});
  }

 private:
  struct Session {
    explicit Session(UniqueFd fd) : connection(std::move(fd)) {}
    Connection connection;
    std::thread thread;
  };

  void AcceptLoop() {
    while (!stopping_) {
      pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
      poll(&ready, 1, 20);
      UniqueFd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
      if (!fd) continue;
      sessions_.push_back(std::make_unique<Session>(std::move(fd)));
      Session* raw = sessions_.back().get();
      raw->thread = std::thread([this, raw] { Serve(&raw->connection); });
    }
  }
  void Serve(Connection* connection) {
    H2Peer peer(true);
    size_t looked = 0;
    std::set<int32_t> open;
    for (std::string bytes; !stopping_; bytes.clear()) {
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
    connection->Close();
  }

  UniqueFd listener_;
  const uint16_t port_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;
  std::vector<H2Peer::Stream> received_;
  std::list<std::unique_ptr<Session>> sessions_;
  std::thread acceptor_;
};

}  // namespace meridian::testing
