#include "support/session_server.h"

#include <poll.h>
#include <sys/socket.h>

#include <utility>

namespace meridian::testing {

constexpr int kStopCheckMs = 20;

SessionServer::SessionServer(Serve serve)
    : serve_(std::move(serve)), listener_(ListenOn(0)), port_(LocalPort(listener_.get())) {
  acceptor_ = std::thread([this] { AcceptLoop(); });
}

SessionServer::~SessionServer() {
  stopping_ = true;
  acceptor_.join();
  for (auto& session : sessions_) session->connection.Abort();
  for (auto& session : sessions_) session->thread.join();
}

void SessionServer::AcceptLoop() {
  while (!stopping_) {
    pollfd ready{.fd = listener_.get(), .events = POLLIN, .revents = 0};
    poll(&ready, 1, kStopCheckMs);
    Reap();
    while (UniqueFd fd{accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)}) Accept(std::move(fd));
  }
}

void SessionServer::Accept(UniqueFd fd) {
  Session* session = sessions_.emplace_back(std::make_unique<Session>(std::move(fd))).get();
  session->thread = std::thread([this, session, number = ++accepted_] {
    serve_(&session->connection, number);
    session->connection.Close();
    session->done = true;
  });
}

void SessionServer::Reap() {
  sessions_.remove_if([](const std::unique_ptr<Session>& session) {
    if (!session->done) return false;
    session->thread.join();
    return true;
  });
}

}  // namespace meridian::testing
