#include "server/demo_load.h"

#include <algorithm>
#include <utility>

namespace meridian {
namespace {

constexpr Duration kTick = 4ms;

OriginPool::Options ClientOptions(const Endpoint& edge, TlsClientContext& tls) {
  OriginPool::Options options;
  options.origin.protocol = OriginProtocol::kH2;
  options.origin.host = "localhost";
  options.origin.port = edge.port;
  options.limits.max_connections = 64;
  options.limits.max_pending = DemoLoad::kMaxInFlight;
  options.connect_timeout = 5s;
  options.tls = &tls;
  options.server_name = "localhost";
  return options;
}

template <typename World>
std::optional<size_t> IndexOf(const World& world, std::string_view name) {
  const auto found = std::find_if(world.begin(), world.end(), [name](const auto& place) { return place.name == name; });
  return found == world.end() ? std::nullopt : std::optional<size_t>(found - world.begin());
}

}  // namespace

class DemoLoad::Request final : public Disposable,
                                private PoolRequest,
                                private ResponseHandler,
                                private BodyPipe::Reader {
 public:
  Request(DemoLoad& load, std::string_view path, bool burst)
      : of_burst(burst), load_(load), timer_(load.loop_, Bind<&Request::OnTimeout>(this)) {
    head_.scheme = "https";
    head_.authority = load.authority_;
    head_.path = path;
    head_.headers = HeaderBlock(&arena_);
    head_.headers.Add("user-agent", "meridian-demo", HeaderId::kUserAgent);
    head_.headers.Add("accept", "*/*", HeaderId::kAccept);
    body_.set_reader(this);
  }
  ~Request() override {
    if (stream_) stream_->Cancel();
  }

  void Send(OriginPool& pool) {
    answer_.sent = load_.loop_.Now();
    timer_.Arm(kPatience);
    if (ClientCodec* codec = pool.TryTake()) return OnPoolReady(*codec);
    Error error;
    if (!pool.Wait(*this, &error)) OnPoolFailed(error);
  }

  const bool of_burst;
  size_t index = 0;  // in requests_

 private:
  void OnPoolReady(ClientCodec& codec) override {
    stream_ = codec.Start(head_, nullptr, *this);
    if (!stream_) End();
  }
  void OnPoolFailed(const Error&) override {
    answer_.unsent = true;
    End();
  }
  Arena& arena() override { return arena_; }
  BodyPipe& response_body() override { return body_; }
  void OnInformational(const ResponseHead&) override {}
  void OnResponseHead(const ResponseHead& head) override {
    status_ = head.status;
    for (const Header& header : head.headers) {
      if (header.name == kRegionHeader) answer_.region = IndexOf(kDemoRegions, header.value);
      if (header.name == kServiceHeader) answer_.service = IndexOf(kDemoServices, header.value);
    }
  }
  void OnBodyReadable() override {
    if (body_.size() > 0) body_.Consume(body_.size());
  }
  void OnResponseComplete() override {
    stream_ = nullptr;
    if (!body_.failed()) answer_.status = status_;
    End();
  }
  void OnAttemptFailed(const Error& error) override {
    stream_ = nullptr;
    // Proof that nobody looked at it: the edge said goodbye while the request was on its way.
    answer_.unsent = error.retry == Retry::kAlways;
    End();
  }
  void OnTimeout() { End(); }
  void End() {
    timer_.Cancel();
    Leave();
    if (stream_) std::exchange(stream_, nullptr)->Cancel();
    answer_.ended = load_.loop_.Now();
    load_.Done(this, answer_);
  }

  DemoLoad& load_;
  Arena arena_;
  BodyPipe body_;
  RequestHead head_;
  ClientStream* stream_ = nullptr;
  int status_ = 0;
  DemoAnswer answer_;
  Timer timer_;
};

DemoLoad::DemoLoad(Loop& loop, const Endpoint& edge, TlsClientContext& tls, DemoLoadSink& sink)
    : loop_(loop),
      sink_(sink),
      edge_(edge),
      authority_("localhost:" + std::to_string(edge.port)),
      tick_(loop, Bind<&DemoLoad::OnTick>(this)),
      burst_(loop, Bind<&DemoLoad::OnBurst>(this)) {
  for (size_t i = 0; i < kClients; ++i) {
    clients_.push_back(std::make_unique<OriginPool>(loop, ClientOptions(edge, tls)));
    clients_.back()->SetAddresses({&edge, 1});
  }
}

DemoLoad::~DemoLoad() {
  tick_.Cancel();
  burst_.Cancel();
  requests_.clear();
  clients_.clear();
  loop_.RunTurn(false);  // what closing has retired
}

void DemoLoad::SetRate(int per_second) {
  rate_ = per_second;
  owed_ = 0;
  last_tick_ = loop_.Now();
  rate_ > 0 ? tick_.Arm(kTick) : tick_.Cancel();
}

void DemoLoad::OnTick() {
  const TimePoint now = loop_.Now();
  // After a stall of the machine at most one second's worth at once.
  owed_ = std::min(owed_ + ToSeconds(now - last_tick_) * rate_, static_cast<double>(rate_));
  last_tick_ = now;
  const auto due = static_cast<size_t>(owed_);
  owed_ -= static_cast<double>(due);
  if (now >= closed_until_) Send("/", due);
  tick_.Arm(kTick);
}

void DemoLoad::Burst(uint64_t count, size_t at_once) {
  burst_left_ = count;
  burst_at_once_ = at_once;
  burst_.NextTurn();
}

void DemoLoad::OnBurst() {
  while (burst_left_ > 0 && burst_in_flight_ < burst_at_once_) {
    --burst_left_;
    ++burst_in_flight_;
    Start("/", true);
  }
}

void DemoLoad::Send(std::string_view path, size_t count) {
  for (size_t i = 0; i < count; ++i) Start(path, false);
}

void DemoLoad::Start(std::string_view path, bool of_burst) {
  if (!of_burst && requests_.size() >= kMaxInFlight) return;
  auto request = std::make_unique<Request>(*this, path, of_burst);
  Request* raw = request.get();
  raw->index = requests_.size();
  requests_.push_back(std::move(request));
  raw->Send(*clients_[next_client_++ % clients_.size()]);
}

void DemoLoad::Done(Request* request, const DemoAnswer& answer) {
  if (answer.unsent) closed_until_ = loop_.Now() + kDoorClosed;
  if (request->of_burst) {
    --burst_in_flight_;
    // Not from within the call of a codec that may be full of answers.
    if (burst_left_ > 0) burst_.NextTurn();
  }
  sink_.OnAnswer(answer);
  std::unique_ptr<Request> done = std::move(requests_[request->index]);
  if (request->index + 1 < requests_.size()) {
    requests_[request->index] = std::move(requests_.back());
    requests_[request->index]->index = request->index;
  }
  requests_.pop_back();
  loop_.Retire(std::move(done));
}

}  // namespace meridian
