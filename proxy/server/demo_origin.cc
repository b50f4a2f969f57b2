#include "server/demo_origin.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/address.h"

namespace meridian {

// Swallows the request's body, waits as long as the region is away, answers.
class DemoOrigin::Exchange final : public ConnectionExchange, private BodyPipe::Reader {
 public:
  Exchange(DemoOrigin& origin, ClientConnection& connection, ServerStream& stream)
      : origin_(origin),
        connection_(connection),
        stream_(stream),
        timer_(origin.loop_, Bind<&Exchange::OnTimer>(this)) {}

 private:
  Arena& arena() override { return arena_; }
  BodyPipe& request_body() override { return request_body_; }

  void OnRequestHead(const RequestHead& head) override {
    slow_ = head.path == kSlowPath;
    timer_.Arm(origin_.region_.latency);
    request_body_.set_reader(this);
    OnBodyReadable();
  }
  void OnBadRequest(int status, const RequestHead&) override { Answer(status); }
  void OnBodyReadable() override {
    if (request_body_.size() > 0) request_body_.Consume(request_body_.size());
    if (due_ && request_body_.AtEnd()) Answer(200);
  }
  void OnTimer() {
    if (origin_.fault_ == DemoFault::kSilent) return;
    if (head_.status != 0) return SendBody();
    due_ = true;
    OnBodyReadable();
  }

  void Answer(int status) {
    request_body_.set_reader(nullptr);
    due_ = false;
    text_ = arena_.Concat("{\"region\":\"", origin_.region_.name, "\",\"service\":\"", origin_.service_.name, "\"}\n");
    head_.status = status;
    head_.headers = HeaderBlock(&arena_);
    head_.headers.Add("content-type", "application/json");
    head_.headers.Add(kRegionHeader, origin_.region_.name);
    head_.headers.Add(kServiceHeader, origin_.service_.name);
    head_.content_length = static_cast<int64_t>(text_.size());
    if (slow_) {
      timer_.Arm(kSlowBody);
    } else {
      SendBody();
    }
    stream_.SendHead(head_, &reply_);
  }
  void SendBody() {
    reply_.Write(nullptr, {reinterpret_cast<const uint8_t*>(text_.data()), text_.size()});
    reply_.Finish();
  }

  void OnStreamClosed(bool) override {
    timer_.Cancel();  // what is left of us may outlive the origin by a turn
    connection_.Remove(this);
  }

  DemoOrigin& origin_;
  ClientConnection& connection_;
  ServerStream& stream_;
  Arena arena_;
  BodyPipe request_body_;
  ResponseHead head_;
  std::string_view text_;  // of the answer
  BodyPipe reply_;
  bool slow_ = false;
  bool due_ = false;  // the latency has passed, nothing was answered yet
  Timer timer_;
};

DemoOrigin::~DemoOrigin() {
  listener_.reset();
  while (!connections_.empty()) connections_.begin()->first->Close();
  if (reserved_fd_ >= 0) close(reserved_fd_);
}

bool DemoOrigin::Open(std::string* error) {
  address_ = DemoAddress(0);
  return Listen(error) && ReservePort(error);
}

bool DemoOrigin::Listen(std::string* error) {
  const int fd = OpenListenSocket(address_, true, &address_, error);
  if (fd < 0) return false;
  ListenerSink& sink = *this;
  listener_ = std::make_unique<Listener>(loop_, fd, sink);
  return true;
}

// A second socket that is bound but never listens: while the region is dead its port refuses connections, and the
// kernel gives it to nobody else.
bool DemoOrigin::ReservePort(std::string* error) {
  const SockAddr address = ToSockAddr(address_);
  const int one = 1;
  reserved_fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (reserved_fd_ >= 0 && setsockopt(reserved_fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
      setsockopt(reserved_fd_, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) == 0 &&
      bind(reserved_fd_, address.get(), address.size) == 0) {
    return true;
  }
  *error = EndpointText(address_) + ": " + std::strerror(errno);
  return false;
}

bool DemoOrigin::SetFault(DemoFault fault) {
  const bool restarts = fault_ == DemoFault::kSilent || fault == DemoFault::kDead;
  fault_ = fault;
  if (restarts) ResetConnections();
  if (fault == DemoFault::kDead) {
    listener_.reset();
    return true;
  }
  std::string error;
  return listener_ || Listen(&error);
}

void DemoOrigin::ResetConnections() {
  while (!connections_.empty()) {
    const auto [connection, fd] = *connections_.begin();
    const linger by_reset{1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &by_reset, sizeof by_reset);
    connection->Close();
  }
}

void DemoOrigin::OnAccept(int fd, const Endpoint& peer) {
  ConnectionHost& host = *this;
  auto connection = std::make_unique<ClientConnection>(loop_, host, limits_, timeouts_, peer, address_.port);
  if (!connection->Start(fd, nullptr)) return;
  connections_.emplace(connection.release(), fd);
}

std::unique_ptr<ConnectionExchange> DemoOrigin::NewExchange(ClientConnection& connection, ServerStream& stream) {
  return std::make_unique<Exchange>(*this, connection, stream);
}

void DemoOrigin::OnConnectionClosed(ClientConnection& connection, const Error&) {
  connections_.erase(&connection);
  loop_.Retire(std::unique_ptr<Disposable>(&connection));
}

}  // namespace meridian
