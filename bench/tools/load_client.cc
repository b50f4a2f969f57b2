// An open-loop load: requests start on a fixed schedule, whatever happened to the earlier ones; each is one line of the
// output, `due done sent status region verdict bytes` (seconds of the monotonic clock).
//
// verdict: ok | status | refused (not connected) | reset (nothing of an answer) | cut (an answer that is visibly
// incomplete) | timeout | wrong-body (complete by its framing, but not what was asked for).
//
//   load_client --port N --protocol h1|h2 --method M --path P --body BYTES --header NAME:VALUE … --rate N --seconds S
//               --timeout S --out FILE
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "event/loop.h"
#include "origin/pool.h"
#include "pattern.h"

namespace meridian::bench {
namespace {

struct Options {
  uint16_t port = 0;
  bool h2 = false;
  std::string method = "GET", path = "/bytes/1024", out;
  size_t body = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  double rate = 500, seconds = 10, timeout = 10;
};

OriginPool::Options PoolOptions(const Options& o) {
  OriginPool::Options options;
  options.origin.protocol = o.h2 ? OriginProtocol::kH2c : OriginProtocol::kHttp;
  options.origin.host = "127.0.0.1";
  options.origin.port = o.port;
  options.limits.max_connections = 8192;
  options.limits.max_pending = 100'000;
  options.limits.idle_timeout = 10min;
  options.connect_timeout = 5s;
  return options;
}

class Load {
 public:
  Load(Loop& loop, const Options& options, FILE* out)
      : loop_(loop),
        options_(options),
        out_(out),
        edge_{{127, 0, 0, 1}, false, options.port},
        pool_(loop, PoolOptions(options)),
        tick_(loop, Bind<&Load::OnTick>(this)) {
    pool_.SetAddresses({&edge_, 1});
    body_.resize(options.body);
    for (size_t i = 0; i < body_.size(); ++i) body_[i] = static_cast<uint8_t>(i % kPeriod);
    total_ = static_cast<uint64_t>(options.rate * options.seconds);
    constexpr std::string_view kBytes = "/bytes/";
    if (options.path.starts_with(kBytes)) expected_ = std::stoull(options.path.substr(kBytes.size()));
  }

  void Run() {
    start_ = loop_.Now() + 20ms;
    tick_.Arm(Loop::kTick);
    loop_.Run();
  }

 private:
  class One;
  TimePoint DueOf(uint64_t number) const {
    return start_ + std::chrono::duration_cast<Duration>(std::chrono::duration<double>(double(number) / options_.rate));
  }
  void OnTick();
  void Done(One* one);

  Loop& loop_;
  const Options& options_;
  FILE* out_;
  const Endpoint edge_;
  Pattern plain_;
  std::vector<uint8_t> body_;
  uint64_t expected_ = 1024;
  uint64_t total_ = 0, next_ = 0;
  TimePoint start_{};
  OriginPool pool_;
  std::vector<std::unique_ptr<One>> requests_;
  Timer tick_;
};

class Load::One final : public Disposable, private PoolRequest, private ResponseHandler, private BodyPipe::Reader {
 public:
  One(Load& load, uint64_t number)
      : load_(load), due_(load.DueOf(number)), timer_(load.loop_, Bind<&One::OnTimeout>(this)) {
    const Options& o = load.options_;
    head_.method = IdentifyMethod(o.method);
    head_.method_text = o.method;
    head_.scheme = "http";
    head_.authority = "bench.example";
    head_.path = o.path;
    head_.headers = HeaderBlock(&arena_);
    head_.headers.AddCopy("x-test-id", std::to_string(number + 1));
    for (const auto& [name, value] : o.headers) {
      // A key is one per request, as every client's is.
      head_.headers.AddCopy(name, name == "idempotency-key" ? value + std::to_string(number) : value);
    }
    if (!load.body_.empty()) {
      head_.has_body = true;
      head_.content_length = static_cast<int64_t>(load.body_.size());
      request_.Write(nullptr, load.body_);
      request_.Finish();
    }
    response_.set_reader(this);
  }
  ~One() override {
    if (stream_) stream_->Cancel();
  }

  void Send() {
    sent_ = load_.loop_.Now();
    timer_.Arm(std::chrono::duration_cast<Duration>(std::chrono::duration<double>(load_.options_.timeout)));
    if (ClientCodec* codec = load_.pool_.TryTake()) return OnPoolReady(*codec);
    Error error;
    if (!load_.pool_.Wait(*this, &error)) OnPoolFailed(error);
  }
  size_t index = 0;

 private:
  void OnPoolReady(ClientCodec& codec) override {
    stream_ = codec.Start(head_, head_.has_body ? &request_ : nullptr, *this);
    if (!stream_) End("refused");
  }
  void OnPoolFailed(const Error&) override { End("refused"); }
  Arena& arena() override { return arena_; }
  BodyPipe& response_body() override { return response_; }
  void OnInformational(const ResponseHead&) override {}
  void OnResponseHead(const ResponseHead& head) override {
    status_ = head.status;
    length_ = head.content_length;
    for (const Header& header : head.headers) {
      if (header.name == "x-region") region_ = header.value;
      if (header.name == "etag") {
        version_ = std::make_unique<Pattern>(SeedOfEtag(header.value));
      }
    }
  }
  void OnBodyReadable() override {
    while (response_.size() > 0) {
      const auto piece = response_.Front();
      if (status_ == 200) intact_ = intact_ && (version_ ? *version_ : load_.plain_).Matches(received_, piece);
      received_ += piece.size();
      response_.Consume(piece.size());
    }
  }
  void OnResponseComplete() override {
    stream_ = nullptr;
    if (response_.failed()) return End("cut");
    if (status_ != 200) return End("status");
    const bool bare = head_.method == Method::kHead;
    const bool whole =
        bare ? received_ == 0 && length_ == static_cast<int64_t>(load_.expected_) : received_ == load_.expected_;
    End(whole && intact_ ? "ok" : "wrong-body");
  }
  void OnAttemptFailed(const Error&) override {
    stream_ = nullptr;
    // What did come must be right even so.
    End(!intact_ ? "wrong-body" : status_ > 0 ? "cut" : "reset");
  }
  void OnTimeout() { End("timeout"); }

  void End(const char* verdict) {
    timer_.Cancel();
    Leave();
    if (stream_) std::exchange(stream_, nullptr)->Cancel();
    const auto seconds = [](TimePoint t) { return ToSeconds(t.time_since_epoch()); };
    std::fprintf(load_.out_, "%.4f %.4f %.4f %d %s %s %llu\n", seconds(due_), seconds(load_.loop_.Now()),
                 seconds(sent_), status_, region_.empty() ? "-" : region_.c_str(), verdict,
                 static_cast<unsigned long long>(received_));
    load_.Done(this);
  }

  Load& load_;
  const TimePoint due_;
  TimePoint sent_{};
  Arena arena_;
  BodyPipe request_, response_;
  RequestHead head_;
  ClientStream* stream_ = nullptr;
  int status_ = 0;
  int64_t length_ = kUnknownLength;
  uint64_t received_ = 0;
  bool intact_ = true;
  std::string region_;
  std::unique_ptr<Pattern> version_;
  Timer timer_;
};

void Load::OnTick() {
  const TimePoint now = loop_.Now();
  while (next_ < total_ && DueOf(next_) <= now) {
    auto one = std::make_unique<One>(*this, next_++);
    One* raw = one.get();
    raw->index = requests_.size();
    requests_.push_back(std::move(one));
    raw->Send();
  }
  if (next_ < total_) tick_.Arm(Loop::kTick);
}

void Load::Done(One* one) {
  std::unique_ptr<One> done = std::move(requests_[one->index]);
  if (one->index + 1 < requests_.size()) {
    requests_[one->index] = std::move(requests_.back());
    requests_[one->index]->index = one->index;
  }
  requests_.pop_back();
  loop_.Retire(std::move(done));
  if (next_ == total_ && requests_.empty()) loop_.Stop();
}

int Main(int argc, char** argv) {
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string option = argv[i], value = argv[i + 1];
    if (option == "--port") o.port = static_cast<uint16_t>(std::stoi(value));
    if (option == "--protocol") o.h2 = value == "h2";
    if (option == "--method") o.method = value;
    if (option == "--path") o.path = value;
    if (option == "--body") o.body = std::stoull(value);
    if (option == "--rate") o.rate = std::stod(value);
    if (option == "--seconds") o.seconds = std::stod(value);
    if (option == "--timeout") o.timeout = std::stod(value);
    if (option == "--out") o.out = value;
    if (option == "--header") {
      const size_t colon = value.find(':');
      if (colon == std::string::npos) return std::fputs("load_client: --header NAME:VALUE\n", stderr), 2;
      o.headers.emplace_back(value.substr(0, colon), value.substr(colon + 1));
    }
  }
  FILE* out = o.port > 0 ? std::fopen(o.out.c_str(), "w") : nullptr;
  if (!out) return std::fputs("load_client: --port and --out are needed\n", stderr), 2;
  std::signal(SIGPIPE, SIG_IGN);
  {
    Loop loop;
    Load load(loop, o, out);
    load.Run();
  }
  return std::fclose(out) == 0 ? 0 : 1;
}

}  // namespace
}  // namespace meridian::bench

int main(int argc, char** argv) { return meridian::bench::Main(argc, argv); }
