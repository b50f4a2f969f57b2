// The proxy's core between a client and origins in three regions, on a loop whose clock stands still. The input is a
// program: four bytes choose the world, then each step is one of what clients, origins, time and operators may do.
//
// Whatever they do: nobody is sent what can be read in two ways, no answer reaches somebody else, nothing that was cut
// looks whole, what must not run twice is given to one origin only, and when all are silent everything ends in time
// and nothing of it is left.
#include <iterator>
#include <optional>

#include "fuzz/exchange_client.h"
#include "fuzz/exchange_ledger.h"
#include "fuzz/exchange_origin.h"
#include "fuzz/input.h"
#include "support/exchange_world.h"

using namespace meridian;
using namespace meridian::testing;

namespace {

using Kind = FuzzClient::Kind;
using Body = FuzzClient::Kind::Body;
using Frame = FuzzAnswer::Frame;
using Sent = FuzzAnswer::Sent;

constexpr Kind kRequests[] = {
    {},
    {.method = "POST", .body = Body::kLength},
    {.method = "POST", .body = Body::kUnknown, .whole = false},
    {.method = "PUT", .body = Body::kLength},
    {.method = "PUT", .body = Body::kUnknown, .whole = false},
    {.method = "POST", .body = Body::kLength, .extra_name = "Idempotency-Key", .extra_value = "k"},
    {.method = "HEAD"},
    {.websocket = true},
    {.method = "POST", .body = Body::kLength, .whole = false, .extra_name = "Expect", .extra_value = "100-continue"},
    {.extra_name = "Connection", .extra_value = "close"},
    {.http10 = true},
    {.method = "OPTIONS", .any_resource = true},
    {.other_host = true},
    {.method = "POST", .body = Body::kUnknown, .extra_name = "content-type", .extra_value = "application/grpc"},
    {.extra_name = "Range", .extra_value = "bytes=0-99"},
    {.method = "DELETE", .extra_name = "grpc-timeout", .extra_value = "90m"},
    {.method = "POST", .body = Body::kLength, .whole = false},
};

constexpr FuzzAnswer kAnswers[] = {
    {},
    {.frame = Frame::kUnknown},
    {.sent = Sent::kHalf},
    {.frame = Frame::kUnknown, .sent = Sent::kHalf},
    {.status = 503, .size = 10},
    {.status = 503, .size = 10, .name = "Retry-After", .value = "1"},
    {.status = 204},
    {.interim = true},
    {.representation = true},
    {.sent = Sent::kHalf, .representation = true},
    {.status = 206, .representation = true},
    {.status = 206, .sent = Sent::kHalf, .representation = true},
    {.status = 101},
    {.status = 404},
    {.status = 500, .frame = Frame::kNone},
    {.frame = Frame::kUnknown, .trailers = true},
    {.frame = Frame::kClose, .sent = Sent::kHalf},
    {.last = true},
    {.twice = true},
    {.frame = Frame::kUnknown, .size = 90'000},
    {.status = 304},
    {.name = "grpc-status", .value = "14", .trailers_only = true},
    {.frame = Frame::kUnknown, .sent = Sent::kHead},
    {.sent = Sent::kHead},
    {.status = 429, .size = 10, .sent = Sent::kHalf},
    {.size = 70'000, .sent = Sent::kHalf, .last = true},
};

class Program : private ExchangeWorld {
 public:
  Program(const uint8_t* data, size_t size) : text_(InputText(data, size)) {}

  void Run() {
    Prepare();
    for (int steps = 0; steps < kMaxSteps && !text_.empty(); ++steps) {
      const std::string_view before = text_;
      Step(Byte());
      if (kTrace) Trace(before.substr(0, before.size() - text_.size()));
      Turns(3);
    }
    EndAll();
  }

 private:
  static constexpr int kMaxSteps = 60;
  static inline const bool kTrace = std::getenv("MERIDIAN_FUZZ_TRACE") != nullptr;

  void Trace(std::string_view step) {
    std::fprintf(stderr, "%6ld ms, step %2d:", static_cast<long>((loop_.Now() - TimePoint{} - 1h) / 1ms),
                 static_cast<uint8_t>(step[0]) % 24);
    for (const char c : step.substr(1)) std::fprintf(stderr, " %d", static_cast<uint8_t>(c));
    std::fprintf(stderr, "\n");
  }

  uint8_t Byte() {
    if (text_.empty()) return 0;
    const auto b = static_cast<uint8_t>(text_.front());
    text_.remove_prefix(1);
    return b;
  }
  std::string_view Bytes() {
    const std::string_view out = text_.substr(0, Byte());
    text_.remove_prefix(out.size());
    return out;
  }

  // ---- the world

  void Prepare() {
    const uint8_t a = Byte(), b = Byte(), c = Byte(), d = Byte();
    http2_ = a & 1;
    ServiceModel& s = service();
    for (size_t i = 0; i < 3; ++i) {
      if (a >> (1 + i) & 1) s.regions[i].origins[0].protocol = OriginProtocol::kH2c;
    }
    route().replay_unsafe = a & 16;
    route().resume = a & 32;
    route().hedge = a & 64 ? (a & 128 ? kHedgeAuto : Duration(30ms)) : kHedgeOff;
    s.timeouts = {.connect = 200ms,
                  .tls = 200ms,
                  .first_byte = b & 1 ? Duration(100ms) : Duration(0),
                  .request = 800ms,
                  .stall = 200ms,
                  .idle = 1s,
                  .tunnel = 2s};
    s.failover.replay_limit = b & 2 ? 30 : b & 4 ? 0 : 256 * 1024;
    s.failover.attempts = 1 + (b >> 3 & 3);
    if (b & 32) s.failover.attempt_timeout = 50ms;
    if (b & 64) s.failover.statuses.Add(404).Add(429);
    proxy_line_ = b & 128;
    if (proxy_line_) s.proxy_protocol = ProxyProtocol::kV1;
    s.pool = {.max_connections = c & 1 ? 1u : 8u,
              .max_streams = c & 2 ? 1u : 100u,
              .max_pending = c & 4 ? 1u : 100u,
              .idle_timeout = 2s,
              .warm = false};
    if (c & 8) Edit();
    if (c & 16) AddSibling();
    if (c & 32) drills_ = {{.id = 1, .kind = static_cast<DrillKind>(d & 3), .share = 0.5, .delay = 100ms}, {}, {}};
    first_region_ = static_cast<BreakerState>(c >> 6);
    if (d & 4) limits_.max_requests = 2;
    if (d & 8) limits_.max_streams = 2;
    if (d & 16) settings_.replay_memory = 50;
    if (d & 32) settings_.buffer_memory = 64 * 1024;
    if (d & 64) limits_.max_header_bytes = 600;
    settings_.header_timeout = settings_.stall_timeout = settings_.idle_timeout = 1s;
    timeouts_.idle = 1s;
    for (int i = 0; i < 3; ++i) {
      // Sockets that hold little, and windows that hold nobody back: writes are blocked in the middle of a flush.
      narrow_ = d & 128;
      if (narrow_) origins_[i]->Narrow();
      ends_.push_back(
          std::make_unique<FuzzOrigin>(*origins_[i], i, a >> (1 + i) & 1, proxy_line_, a & 16, narrow_, ledger_));
    }
    Begin(nullptr);
    client_end_ = std::make_unique<FuzzClient>(client_, http2_, ledger_);
    Remember();
    Turns(2);
  }
  void Edit() {
    rules_.request_headers.set = {{"x-edge", "e"}};
    rules_.request_headers.remove = {"idempotency-key"};
    rules_.response_headers.add = {{"x-served", "1"}};
    rules_.response_headers.remove = {"link"};
    rules_.rewrite.path = "/b";
  }
  // The second region's origin stands in for a second one of the first region, if it speaks the same protocol.
  void AddSibling() {
    ServiceModel& s = service();
    if (s.regions[0].origins[0].protocol != s.regions[1].origins[0].protocol) return;
    s.regions[0].origins.push_back(s.regions[1].origins[0]);
    endpoints_[0].push_back(endpoints_[1][0]);
  }
  // The one before it stays until the proxy is done with it.
  void NewClient() {
    LeaveClient();
    Turns(2);
    if (connection_) return;
    Connect();
    client_end_ = std::make_unique<FuzzClient>(client_, http2_, ledger_);
  }
  void LeaveClient() {
    if (client_end_) client_end_->Account();
    client_end_.reset();
    CloseClient();
  }
  // From now on requests pin another snapshot; when the last one that pinned an earlier one is gone, so is that.
  void Remember() {
    auto snapshot = MakeSnapshot();
    snapshots_.push_back(snapshot);
    context_->SetSnapshot(std::move(snapshot));
  }

  // ---- the steps

  void Step(uint8_t op) {
    switch (op % 24) {
      case 0:
      case 1:
      case 2: {
        const Kind& kind = kRequests[Byte() % std::size(kRequests)];
        const size_t size = Byte();
        const std::string_view extra = op % 24 == 2 ? Bytes() : std::string_view();
        const size_t where = op % 24 == 2 ? Byte() : 0;
        if (client_end_) client_end_->Ask(kind, SizeOf(size), extra, where);
        return;
      }
      case 3: {
        const std::string_view bytes = Bytes();
        if (client_end_) client_end_->Raw(bytes);
        return;
      }
      case 4:
      case 5:
        if (client_end_) GoOnAsClient(op % 24 == 5);
        return;
      case 6:
        return EndAsClient(Byte());
      case 7: {
        const uint8_t how = Byte();
        if (!client_end_) return;
        client_end_->reading = how & 1;
        client_end_->set_consume(how & 2);
        for (size_t i = 0; i < ends_.size(); ++i) {
          ends_[i]->set_consume(how & 4);
          ends_[i]->reading = !(how >> (3 + i) & 1);
        }
        return;
      }
      case 8:
      case 9:
      case 10: {
        FuzzOrigin& o = Origin();
        const uint8_t answer = Byte();
        return o.Answer(kAnswers[answer % std::size(kAnswers)], answer >= 128);
      }
      case 11: {
        FuzzOrigin& o = Origin();
        return o.Raw(Bytes());
      }
      case 12: {
        FuzzOrigin& o = Origin();
        const uint8_t how = Byte();
        return o.GoOn(how & 1, how & 2);
      }
      case 13:
        return EndAsOrigin(Origin(), Byte());
      case 14:
        return Origin().Toggle();
      case 15:
      case 16: {
        static constexpr Duration kTimes[] = {4ms, 20ms, 60ms, 120ms, 300ms, 600ms, 1100ms, 2500ms};
        return Pass(kTimes[Byte() % std::size(kTimes)]);
      }
      case 17:
        if (connection_) connection_->StartDrain();
        return;
      case 18:
        return Publish(Byte());
      case 19:
        return context_->GrantTrial(0, Byte() % 3);
      case 20:
        if (client_end_) ClientFrame(Byte());
        return;
      case 21:
        return OriginFrame(Origin(), Byte());
      case 22:
        return NewClient();
      default:
        context_->KeepWarm();
        context_->PublishMemory();
        context_->SyncPoolCounters();
    }
  }
  FuzzOrigin& Origin() { return *ends_[Byte() % 3]; }
  static size_t SizeOf(size_t byte) { return byte < 235 ? byte : byte < 250 ? 100'000 : 14'000; }

  void GoOnAsClient(bool end) {
    const uint8_t how = Byte();
    if (!end) return client_end_->GoOn(SizeOf(how));
    client_end_->EndUpload(how & 1 ? h2::Fields{{"x-sum", "1"}} : h2::Fields{});
  }
  void EndAsClient(uint8_t how) {
    if (!client_end_) return;
    switch (how % 3) {
      case 0:
        return client_end_->HalfClose();
      case 1:
        return LeaveClient();
      default:
        return client_end_->ResetNewest(how);
    }
  }
  static void EndAsOrigin(FuzzOrigin& o, uint8_t how) {
    switch (how % 5) {
      case 0:
        return o.Close();
      case 1:
        return o.ResetConnection();
      case 2:
        return o.HalfClose();
      case 3:
        return o.Reset(how / 5 % 14);
      default:
        return o.GoAway(how / 5 % 3);
    }
  }
  void ClientFrame(uint8_t how) {
    const uint32_t stream = client_end_->newest_stream();
    const uint8_t more = Byte();
    client_end_->Frame(SomeFrame(how, stream, more), how % 8 >= 6);
  }
  static void OriginFrame(FuzzOrigin& o, uint8_t how) {
    const bool content = how % 8 >= 6;
    o.Frame([&](uint32_t stream) { return SomeFrame(how, stream, how / 8); }, content);
  }
  static std::string SomeFrame(uint8_t how, uint32_t stream, uint8_t more) {
    switch (how % 8) {
      case 0:
        return h2::Window(more & 1 ? stream : 0, more & 2 ? 0x7fffffff : 1000u * more);
      case 1:
        return h2::Settings(h2::Setting(4, more & 1 ? 0 : 10u * more));
      case 2:
        return h2::Settings(h2::Setting(3, more & 3));
      case 3:
        return h2::Frame(h2::kPing, 0, 0, "12345678");
      case 4:
        return h2::Frame(h2::kPriority, 0, stream, std::string("\0\0\0\1\x10", 5));
      case 5:
        return h2::Settings(h2::Setting(1, more & 1 ? 0 : 100));
      case 6:
        return h2::Data(stream, std::string(more, 'f'), more & 1);
      default:
        return h2::Headers(stream, {{"x-more", "1"}}, more & 1 ? 5 : 4);
    }
  }
  void Publish(uint8_t how) {
    first_region_ = static_cast<BreakerState>(how & 3);
    dials_ = {how & 4 ? 0.0 : 1.0, how & 8 ? 0.5 : 1.0, how & 16 ? 0.0 : 1.0};
    drills_.clear();
    if (how & 32) drills_ = {{}, {.id = 2, .kind = static_cast<DrillKind>(how >> 6), .delay = 50ms}, {}};
    Remember();
  }

  void Turns(int n) {
    for (; n > 0; --n) {
      loop_.RunTurn(false);
      if (client_end_) client_end_->Pump();
      for (auto& end : ends_) end->Pump();
    }
  }
  void Pass(Duration d) {
    const TimePoint until = loop_.Now() + d;
    while (loop_.Now() < until) {
      loop_.AdvanceToTimer(until - loop_.Now());
      Turns(1);
    }
  }

  // ---- the end

  // Longer than all that is waited for: per request, and for the connection.
  void EndAll() {
    const TimePoint until = loop_.Now() + 30s + 4s * static_cast<int>(ledger_.requests() + 4);
    while (connection_ && loop_.Now() < until) Pass(500ms);
    Must(!connection_, "a client connection hangs, with " +
                           std::to_string(connection_ ? connection_->active_streams() : 0) + " streams");
    if (client_end_) {
      client_end_->reading = true;
      Turns(2);
    }
    LeaveClient();
    Remember();
    Pass(1500ms);
    snapshots_.pop_back();
    for (const auto& snapshot : snapshots_) Must(snapshot.expired(), "an exchange outlives its connection");
    Must(context_->ReserveReplay(settings_.replay_memory), "room for replays is still reserved");
    for (uint16_t r = 0; r < 3; ++r) {
      for (uint16_t o = 0; o < service().regions[r].origins.size(); ++o) {
        Must(context_->Pool(0, r, o).waiting() == 0, "a request waits in a pool and has no exchange");
      }
    }
    Pass(5s);
    for (uint16_t r = 0; r < 3; ++r) {
      for (uint16_t o = 0; o < service().regions[r].origins.size(); ++o) {
        Must(context_->Pool(0, r, o).connections() == 0, "a connection to an origin is kept for nobody");
      }
    }
    for (auto& end : ends_) end->CloseAll();
    End();
  }

  std::string_view text_;
  bool http2_ = false, proxy_line_ = false;
  Ledger ledger_;
  std::vector<std::unique_ptr<FuzzOrigin>> ends_;
  std::unique_ptr<FuzzClient> client_end_;
  std::vector<std::weak_ptr<const Snapshot>> snapshots_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 5 || size > 4096) return 0;
  Program(data, size).Run();
  return 0;
}
