#include "control/admin_server.h"

#include <utility>

#include "stream/error_reply.h"

namespace meridian {

// Collects one small request, answers it, and is gone.
class AdminServer::AdminExchange final : public ConnectionExchange, private BodyPipe::Reader {
 public:
  AdminExchange(AdminServer& server, ClientConnection& connection, ServerStream& stream)
      : server_(server),
        connection_(connection),
        stream_(stream),
        timer_(server.loop_, Bind<&AdminExchange::OnTimeout>(this)) {
    timer_.Arm(10s);
  }

 private:
  Arena& arena() override { return arena_; }
  BodyPipe& request_body() override { return request_body_; }

  void OnRequestHead(const RequestHead& head) override {
    const auto text = [](std::string_view v) { return std::string(v); };
    const size_t query = head.path.find('?');
    request_.method = text(head.method_text);
    request_.path = text(head.path.substr(0, query));
    if (query != std::string_view::npos) request_.query = text(head.path.substr(query + 1));
    request_.host = text(head.authority);
    request_.origin = text(head.headers.Get(HeaderId::kOrigin));
    request_.if_match = text(head.headers.Get(HeaderId::kIfMatch));
    request_.content_type = text(head.headers.Get(HeaderId::kContentType));
    request_.peer = std::string(connection_.info().address) + ":" + std::to_string(connection_.info().port);
    request_body_.set_reader(this);
    have_head_ = true;
    OnBodyReadable();
  }

  void OnBadRequest(int status, const RequestHead&) override { SendError(status); }

  void OnBodyReadable() override {
    if (!have_head_ || answered_) return;
    while (request_body_.size() > 0) {
      const auto front = request_body_.Front();
      if (request_.body.size() + front.size() > kMaxBody) return SendError(413);
      request_.body.append(reinterpret_cast<const char*>(front.data()), front.size());
      request_body_.Consume(front.size());
    }
    if (request_body_.failed()) return SendError(400);
    if (!request_body_.AtEnd()) return;
    Answer(HandleAdmin(server_.backend_, server_.self_, request_));
  }

  void Answer(const AdminResponse& response) {
    HeaderBlock headers(&arena_);
    headers.AddCopy("content-type", response.content_type);
    for (const auto& [name, value] : response.headers) headers.AddCopy(Lower(name), value);
    Send(response.status, headers, response.body);
  }

  void SendError(int status) {
    const ReplyText text = MakeReplyText(arena_, status, "application/json");
    HeaderBlock headers(&arena_);
    headers.Add("content-type", text.content_type);
    Send(status, headers, text.body);
  }

  void Send(int status, const HeaderBlock& headers, std::string_view body) {
    answered_ = true;
    request_body_.set_reader(nullptr);
    head_.status = status;
    head_.headers = headers;
    head_.content_length = static_cast<int64_t>(body.size());
    reply_.Write(nullptr, {reinterpret_cast<const uint8_t*>(body.data()), body.size()});
    reply_.Finish();
    stream_.SendHead(head_, &reply_);
  }

  static std::string Lower(std::string text) {
    for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    return text;
  }

  void OnTimeout() { stream_.Reset(true); }
  void OnStreamClosed(bool) override {
    timer_.Cancel();
    connection_.Remove(this);
  }

  AdminServer& server_;
  ClientConnection& connection_;
  ServerStream& stream_;
  Arena arena_;
  AdminRequest request_;
  BodyPipe request_body_;
  ResponseHead head_;
  BodyPipe reply_;
  bool have_head_ = false;
  bool answered_ = false;
  Timer timer_;
};

std::unique_ptr<AdminServer> AdminServer::Open(Loop& loop, AdminBackend& backend, const std::string& address,
                                               std::string* error) {
  const auto endpoint = ParseHostPort(address);
  if (!endpoint) {
    *error = address + ": not an address";
    return nullptr;
  }
  std::unique_ptr<AdminServer> self(new AdminServer(loop, backend));
  const int fd = OpenListenSocket(*endpoint, false, &self->bound_, error);
  if (fd < 0) return nullptr;
  self->self_ = EndpointText(self->bound_);
  ListenerSink& sink = *self;
  self->listener_ = std::make_unique<Listener>(loop, fd, sink);
  return self;
}

AdminServer::~AdminServer() {
  listener_.reset();
  while (connections_) connections_->Close();
}

void AdminServer::MakePlace() {
  // Answers take no time of ours, so whoever is not idle keeps us waiting, too.
  const auto merit = [](const ClientConnection& c) { return std::pair(c.active_streams() > 0, c.last_activity()); };
  ClientConnection* least = connections_;  // the list has the newest first
  for (ClientConnection* c = connections_; c; c = c->next) least = merit(*c) <= merit(*least) ? c : least;
  least->Close();
  backend_.OnAdminConnectionReplaced();
}

void AdminServer::OnAccept(int fd, const Endpoint& peer) {
  if (connection_count_ >= kMaxConnections) MakePlace();
  ConnectionHost& host = *this;
  auto connection = std::make_unique<ClientConnection>(loop_, host, limits_, timeouts_, peer, bound_.port);
  if (!connection->Start(fd, nullptr)) return;
  ClientConnection* raw = connection.release();
  raw->next = connections_;
  if (connections_) connections_->prev = raw;
  connections_ = raw;
  ++connection_count_;
}

std::unique_ptr<ConnectionExchange> AdminServer::NewExchange(ClientConnection& connection, ServerStream& stream) {
  return std::make_unique<AdminExchange>(*this, connection, stream);
}

void AdminServer::OnConnectionClosed(ClientConnection& connection, const Error&) {
  (connection.prev ? connection.prev->next : connections_) = connection.next;
  if (connection.next) connection.next->prev = connection.prev;
  --connection_count_;
  loop_.Retire(std::unique_ptr<Disposable>(&connection));
}

}  // namespace meridian
