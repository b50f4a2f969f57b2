// One region of bench/failover: answers with known bytes, remembers what it executed, and fails as it is told.
//
//   fault_origin --listen IP:PORT --region NAME --record FILE --control SOCKET [--h2] [--tls CERTIFICATE KEY]
//
// Commands, one per line on the Unix socket, each answered with "ok" or a sentence:
//   fault NAME same|pass    pages fail so; probes (/healthz) in the same way, or they pass
//   delay MS                before every answer
//   etag "v1"               bodies are version 1 from now on
//   die BYTES               the process ends after that many bytes of bodies
//   refuse | accept         the listening socket; `refuse` resets what is connected
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <list>
#include <memory>
#include <sstream>
#include <string>

#include "net/address.h"
#include "net/listener.h"
#include "origin_connection.h"

namespace meridian::bench {
namespace {

class Server final : private ListenerSink {
 public:
  Server(Loop& loop, Region& region, Endpoint address, bool h2, std::shared_ptr<const TlsServerContext> tls)
      : loop_(loop), region_(region), address_(address), h2_(h2), tls_(std::move(tls)) {}

  bool Accept(std::string* error) {
    if (listener_) return true;
    Endpoint bound;
    const int fd = OpenListenSocket(address_, true, &bound, error);
    if (fd < 0) return false;
    // The house's listener is for an edge; a region must never be what limits a test.
    listen(fd, 4096);
    listener_ = std::make_unique<Listener>(loop_, fd, static_cast<ListenerSink&>(*this));
    return true;
  }
  void Refuse() {
    listener_.reset();
    ResetAll();
  }

  std::string Command(const std::string& line) {
    std::istringstream words(line);
    std::string verb, argument, how, error;
    words >> verb >> argument >> how;
    if (verb == "fault") {
      const auto shape = ShapeOf(argument);
      if (!shape) return "no fault " + argument;
      const Duration delay = region_.pages.delay;
      region_.pages = *shape;
      region_.probes = how == "pass" ? Shape{} : *shape;
      region_.pages.delay = region_.probes.delay = delay;
      if (shape->at_accept) ResetAll();
    } else if (verb == "delay") {
      region_.pages.delay = region_.probes.delay = std::chrono::milliseconds(std::stoi(argument));
    } else if (verb == "etag") {
      region_.etag = argument;
      region_.version = Pattern(SeedOfEtag(argument));
    } else if (verb == "die") {
      region_.die_at = std::stoull(argument);
    } else if (verb == "refuse") {
      Refuse();
    } else if (verb == "accept") {
      if (!Accept(&error)) return error;
    } else {
      return "no command " + verb;
    }
    return "ok";
  }

 private:
  void OnAccept(int fd, const Endpoint&) override {
    ++region_.record->connections;
    if (region_.pages.at_accept && tls_) {
      ++region_.record->touched;
      // A fatal alert, handshake_failure, instead of ServerHello.
      constexpr char kAlert[] = {0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x28};
      if (write(fd, kAlert, sizeof kAlert) > 0) shutdown(fd, SHUT_WR);
      close(fd);
      return;
    }
    connections_.remove_if([this](std::unique_ptr<OriginConnection>& c) {
      if (!c->over()) return false;
      loop_.Retire(std::move(c));
      return true;
    });
    connections_.push_back(std::make_unique<OriginConnection>(loop_, region_, fd, tls_, h2_));
  }
  void OnAcceptPaused() override {}
  void ResetAll() {
    for (auto& connection : connections_) connection->Reset();
  }

  Loop& loop_;
  Region& region_;
  const Endpoint address_;
  const bool h2_;
  const std::shared_ptr<const TlsServerContext> tls_;
  std::list<std::unique_ptr<OriginConnection>> connections_;
  std::unique_ptr<Listener> listener_;
};

// One command line per connection.
class Control final {
 public:
  Control(Loop& loop, int fd, Server& server)
      : fd_(fd), server_(server), watch_(loop, fd, Watch::Mode::kLevelRead, Bind<&Control::OnReadable>(this)) {}

 private:
  void OnReadable() {
    const int fd = accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    char line[256];
    const ssize_t n = read(fd, line, sizeof line);
    if (n > 0) {
      const std::string answer = server_.Command(std::string(line, static_cast<size_t>(n))) + "\n";
      if (write(fd, answer.data(), answer.size()) < 0) std::perror("fault_origin: control");
    }
    close(fd);
  }
  int fd_;
  Server& server_;
  Watch watch_;
};

int OpenControl(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return -1;
  path.copy(address.sun_path, path.size());
  unlink(path.c_str());
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return -1;
  return listen(fd, 16) == 0 ? fd : -1;
}

int Usage() {
  std::fputs("fault_origin --listen IP:PORT --region NAME --record FILE --control SOCKET [--h2] [--tls CERT KEY]\n",
             stderr);
  return 2;
}

int Main(int argc, char** argv) {
  Region region;
  std::string listen, record, control, certificate, key, error;
  bool h2 = false;
  for (int i = 1; i < argc; ++i) {
    const std::string option = argv[i];
    if (option == "--h2") {
      h2 = true;
      continue;
    }
    if (i + 1 >= argc) return Usage();
    if (option == "--listen") {
      listen = argv[++i];
    } else if (option == "--region") {
      region.name = argv[++i];
    } else if (option == "--record") {
      record = argv[++i];
    } else if (option == "--control") {
      control = argv[++i];
    } else if (option == "--tls" && i + 2 < argc) {
      certificate = argv[++i];
      key = argv[++i];
    } else {
      return Usage();
    }
  }
  std::signal(SIGPIPE, SIG_IGN);
  const auto address = ParseHostPort(listen);
  if (!address || !region.record.Open(record.c_str())) return Usage();
  std::shared_ptr<const TlsServerContext> tls;
  if (!certificate.empty()) {
    tls = TlsServerContext::Make({{certificate, key}}, {}, &error);
    if (!tls) return std::fprintf(stderr, "fault_origin: %s\n", error.c_str()), 1;
  }
  Loop loop;
  Server server(loop, region, *address, h2, std::move(tls));
  const int control_fd = OpenControl(control);
  if (control_fd < 0) return std::perror("fault_origin: control"), 1;
  Control commands(loop, control_fd, server);
  if (!server.Accept(&error)) return std::fprintf(stderr, "fault_origin: %s\n", error.c_str()), 1;
  loop.Run();
  return 0;
}

}  // namespace
}  // namespace meridian::bench

int main(int argc, char** argv) { return meridian::bench::Main(argc, argv); }
