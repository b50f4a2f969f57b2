#include "net/resolver.h"

#include <ares.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <limits>
#include <map>

#include "net/address.h"

namespace meridian {

struct Resolver::Impl {
  Impl(Loop& l, const std::string& servers) : loop(l), timer(l, Bind<&Impl::OnTimer>(this)) {
    static const int library = ares_library_init(ARES_LIB_INIT_ALL);
    (void)library;
    ares_options options{};
    options.sock_state_cb = &Impl::OnSocketState;
    options.sock_state_cb_data = this;
    options.timeout = 1000;  // ms per try
    options.tries = 2;
    ok = ares_init_options(&channel, &options, ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES) ==
         ARES_SUCCESS;
    if (ok && !servers.empty()) ok = ares_set_servers_ports_csv(channel, servers.c_str()) == ARES_SUCCESS;
  }
  ~Impl() {
    closing = true;
    if (ok) ares_destroy(channel);  // pending callbacks come now, with ARES_EDESTRUCTION
  }

  struct Query {
    Impl* impl;
    uint16_t port;
    std::function<void(const ResolveAnswer&)> done;
  };

  // c-ares may answer synchronously (hosts file); callers hear it in a turn of its own.
  static void OnAnswer(void* arg, int status, int, ares_addrinfo* result) {
    std::unique_ptr<Query> query(static_cast<Query*>(arg));
    if (!query->impl->closing) {
      query->impl->answers.push_back({ToAnswer(status, result, query->port), std::move(query->done)});
      query->impl->deliver.NextTurn();
    }
    ares_freeaddrinfo(result);
  }

  static ResolveAnswer ToAnswer(int status, const ares_addrinfo* result, uint16_t port) {
    ResolveAnswer answer;
    answer.ttl = kFailureTtl;
    if (status != ARES_SUCCESS) {
      answer.error = ares_strerror(status);
      answer.none = status == ARES_ENODATA || status == ARES_ENOTFOUND;
      return answer;
    }
    int ttl = std::numeric_limits<int>::max();
    for (const ares_addrinfo_node* node = result->nodes; node; node = node->ai_next) {
      Endpoint endpoint = FromSockAddr(node->ai_addr);
      endpoint.port = port;
      ttl = std::min(ttl, node->ai_ttl);
      const bool known =
          std::find(answer.endpoints.begin(), answer.endpoints.end(), endpoint) != answer.endpoints.end();
      if (!known && answer.endpoints.size() < kMaxAddresses) answer.endpoints.push_back(endpoint);
    }
    if (answer.endpoints.empty()) {
      answer.error = "empty answer";
      return answer;
    }
    answer.ttl = std::clamp<Duration>(std::chrono::seconds(ttl), kMinTtl, kMaxTtl);
    return answer;
  }

  static void OnSocketState(void* arg, ares_socket_t fd, int readable, int writable) {
    auto* self = static_cast<Impl*>(arg);
    if (!readable && !writable) {
      auto it = self->sockets.find(fd);
      if (it == self->sockets.end()) return;
      it->second->watch.Pause();  // c-ares closes the descriptor right after this call
      it->second->closed = true;
      it->second->more.Cancel();
      if (!self->closing) self->loop.Retire(std::move(it->second));
      self->sockets.erase(it);
      return;
    }
    if (!self->sockets.contains(fd)) self->sockets[fd] = std::make_unique<Socket>(*self, fd);
  }

  struct Socket : Disposable {
    Socket(Impl& i, ares_socket_t f)
        : impl(i),
          fd(f),
          more(i.loop, Bind<&Socket::OnReadable>(this)),
          watch(i.loop, f, Watch::Mode::kEdge, Bind<&Socket::OnReadable>(this), Bind<&Socket::OnWritable>(this)) {}
    // c-ares takes one piece of an answer over TCP per call (its length, then itself). The next one has no edge of its
    // own.
    void OnReadable() {
      impl.Process(fd, ARES_SOCKET_BAD);
      int pending = 0;
      if (!closed && ioctl(fd, FIONREAD, &pending) == 0 && pending > 0) more.NextTurn();
    }
    void OnWritable() { impl.Process(ARES_SOCKET_BAD, fd); }
    Impl& impl;
    ares_socket_t fd;
    bool closed = false;
    Hook more;
    Watch watch;
  };

  void Process(ares_socket_t readable, ares_socket_t writable) {
    ares_process_fd(channel, readable, writable);
    ArmTimer();
  }
  void OnTimer() { Process(ARES_SOCKET_BAD, ARES_SOCKET_BAD); }
  void ArmTimer() {
    timeval tv;
    if (ares_timeout(channel, nullptr, &tv)) {
      timer.Arm(std::chrono::seconds(tv.tv_sec) + std::chrono::microseconds(tv.tv_usec));
    } else {
      timer.Cancel();
    }
  }

  void Deliver() {
    auto batch = std::move(answers);
    answers.clear();
    for (auto& [answer, done] : batch) done(answer);
  }

  Loop& loop;
  Timer timer;
  Hook deliver{loop, Bind<&Impl::Deliver>(this)};
  ares_channel channel{};
  bool ok = false;
  bool closing = false;
  std::map<ares_socket_t, std::unique_ptr<Socket>> sockets;
  std::vector<std::pair<ResolveAnswer, std::function<void(const ResolveAnswer&)>>> answers;
};

Resolver::Resolver(Loop& loop, const std::string& servers) : impl_(std::make_unique<Impl>(loop, servers)) {}
Resolver::~Resolver() = default;

void Resolver::Resolve(const std::string& host, uint16_t port, AddressFamily family,
                       std::function<void(const ResolveAnswer&)> done) {
  if (!impl_->ok) {
    ResolveAnswer failed;
    failed.ttl = kFailureTtl;
    failed.error = "resolver not available";
    impl_->answers.push_back({failed, std::move(done)});
    impl_->deliver.NextTurn();
    return;
  }
  ares_addrinfo_hints hints{};
  hints.ai_family = family == AddressFamily::kAny ? AF_UNSPEC : family == AddressFamily::kV6 ? AF_INET6 : AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  ares_getaddrinfo(impl_->channel, host.c_str(), nullptr, &hints, &Impl::OnAnswer,
                   new Impl::Query{impl_.get(), port, std::move(done)});
  impl_->ArmTimer();
}

}  // namespace meridian
