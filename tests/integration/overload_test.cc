// An edge whose memory is full: who is refused, at which level, and that all is well when the memory is free again.
#include <condition_variable>
#include <mutex>

#include "integration/edge.h"
#include "support/connection.h"
#include "support/h2_raw.h"

namespace meridian::testing {
namespace {

constexpr size_t kUpload = 250 * 1000;  // kept for a replay, so that it stays in memory while the origin thinks
constexpr char kGet[] = "GET / HTTP/1.1\r\nhost: shop.example\r\n\r\n";

// Uploads wait for their answer until they are let go; everything else is answered at once.
class ThinkingOrigin {
 public:
  ThinkingOrigin() : origin_(kNear, [this](const OriginRequest& request) { return Answer(request); }) {
    origin_.DropBodies();
  }
  ~ThinkingOrigin() { LetGo(); }
  void LetGo() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  std::string url() const { return origin_.url(); }
  uint64_t requests() const { return origin_.requests(); }

 private:
  OriginReply Answer(const OriginRequest& request) {
    std::unique_lock lock(mutex_);
    if (request.method == "PUT") changed_.wait(lock, [this] { return open_; });
    return {.body = kNear};
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
  ScriptedOrigin origin_;  // last: its threads go before what they wait for
};

class Overload : public ::testing::Test {
 protected:
  static EdgeConfig Config(const ThinkingOrigin& origin) {
    EdgeConfig config = ShopEdge({{kNear, origin.url()}});
    config.workers = 1;  // so that the limit is not divided
    config.services[0].timeouts = "{ request: 60s, idle: 60s }";
    config.extra = "limits: { buffer_memory: 16MiB }\n";
    return config;
  }
  static double Level(const Edge& edge) { return edge.MetricSum("meridian_overload_level"); }
  static double Limited(const Edge& edge, const std::string& limit) {
    return edge.MetricSum("meridian_limit_total", {"limit=\"" + limit + "\""});
  }
  // One more upload that the edge has taken whole, or turned away.
  void Upload(const Edge& edge, const ThinkingOrigin& origin) {
    auto connection = Connection::Open(edge.port());
    ASSERT_TRUE(connection);
    const std::string head =
        "PUT /a HTTP/1.1\r\nhost: shop.example\r\ncontent-length: " + std::to_string(kUpload) + "\r\n\r\n";
    const uint64_t taken = origin.requests();
    const double refused = Limited(edge, "memory_requests");
    ASSERT_TRUE(connection->Send(head + std::string(kUpload, 'x'), Deadline(5s)));
    EXPECT_TRUE(
        Eventually([&] { return origin.requests() > taken || Limited(edge, "memory_requests") > refused; }, 5s, 5ms));
    uploads_.push_back(std::move(connection));
  }
  // Uploads until the edge says that it is at this level; the last one may be refused by it.
  void FillTo(const Edge& edge, const ThinkingOrigin& origin, double level) {
    for (int i = 0; i < 100 && Level(edge) < level; ++i) Upload(edge, origin);
    ASSERT_EQ(Level(edge), level);
  }
  std::vector<std::unique_ptr<Connection>> uploads_;
};

// Status line and head of the answer to one GET, or what came instead.
std::string Ask(Connection& connection) {
  std::string answer;
  if (!connection.Send(kGet, Deadline(2s))) return "closed";
  while (answer.find("\r\n\r\n") == std::string::npos) {
    if (connection.Read(&answer, Deadline(2s)) != ReadEnd::kData) return answer + " cut";
  }
  return answer;
}

TEST_F(Overload, AFullEdgeTakesLessStepByStepAndRecovers) {
  ThinkingOrigin origin;
  Edge edge(Config(origin));
  const auto kept = Connection::Open(edge.port());
  ASSERT_TRUE(kept);
  EXPECT_TRUE(Ask(*kept).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(Level(edge), 0);

  FillTo(edge, origin, 2);  // 90 %: answers, and the connection ends with them
  const std::string last = Ask(*kept);
  EXPECT_TRUE(last.starts_with("HTTP/1.1 200")) << last;
  EXPECT_NE(last.find("connection: close"), std::string::npos) << last;
  EXPECT_GE(Limited(edge, "memory_keep_alive"), 1);

  FillTo(edge, origin, 3);  // 95 %: no more requests
  const auto refused = Connection::Open(edge.port());
  ASSERT_TRUE(refused);
  const std::string answer = Ask(*refused);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 503")) << answer;
  EXPECT_NE(answer.find("retry-after: "), std::string::npos) << answer;
  // The last upload may have filled it wholly, so that a new connection is what is refused.
  const auto turned = [&] { return Limited(edge, "memory_requests") + Limited(edge, "memory_connections"); };
  const double before = turned();
  EXPECT_GE(before, 1);
  const CurlResult h2 = Curl({"--http2-prior-knowledge", "http://127.0.0.1:" + std::to_string(edge.port()) + "/"});
  EXPECT_NE(h2.exit_code, 0) << "REFUSED_STREAM: the client may ask again elsewhere";
  EXPECT_EQ(turned(), before + 1);

  origin.LetGo();
  size_t finished = 0, turned_away = 0;
  for (const auto& upload : uploads_) {
    std::string text;
    while (text.find("\r\n\r\n") == std::string::npos && upload->Read(&text, Deadline(5s)) == ReadEnd::kData) {
    }
    finished += text.starts_with("HTTP/1.1 200");
    turned_away += text.starts_with("HTTP/1.1 503");
  }
  EXPECT_EQ(finished + turned_away, uploads_.size()) << "what was under way is finished";
  EXPECT_GT(finished, 50u);
  EXPECT_TRUE(Eventually([&] { return Level(edge) == 0; }, 5s, 10ms)) << edge.MetricSum("meridian_buffer_bytes");
  const auto after = Connection::Open(edge.port());
  ASSERT_TRUE(after);
  const std::string good = Ask(*after);
  EXPECT_TRUE(good.starts_with("HTTP/1.1 200")) << good;
  EXPECT_EQ(good.find("connection: close"), std::string::npos) << good;
}

// Five connections of 100 streams each whose windows stay shut: every response is 1 MiB that nobody takes.
TEST_F(Overload, ManyStreamsThatTakeNothingHoldNoMoreThanTheLimit) {
  ScriptedOrigin origin(kNear, [](const OriginRequest&) { return OriginReply{.body = std::string(1 << 20, 'x')}; });
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.workers = 1;
  config.extra = "limits: { buffer_memory: 16MiB }\n";
  Edge edge(config);
  constexpr int kConnections = 5, kStreams = 100;
  std::vector<std::unique_ptr<Connection>> slow;
  for (int i = 0; i < kConnections; ++i) {
    slow.push_back(Connection::Open(edge.port()));
    ASSERT_TRUE(slow.back());
    std::string bytes = std::string(h2::kPreface) + h2::Settings(h2::Setting(4, 0));
    for (uint32_t s = 0; s < kStreams; ++s) {
      bytes += h2::Headers(2 * s + 1,
                           {{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}});
    }
    ASSERT_TRUE(slow.back()->Send(bytes, Deadline(2s)));
  }
  // Until no more comes in: the number is renewed every second and stays the same.
  double held = -1;
  int same = 0;
  EXPECT_TRUE(Eventually(
      [&] {
        const double now = edge.MetricSum("meridian_buffer_bytes");
        same = now == held ? same + 1 : 0;
        held = now;
        return same == 50;
      },
      20s, 50ms));
  // From 80 % on each stream still gets one read of 8 KiB: whoever takes it could go on.
  EXPECT_LE(held, 0.8 * (16 << 20) + kConnections * kStreams * (8 << 10));
  EXPECT_GT(held, 8 << 20) << "the streams do hold what they may";
  slow.clear();
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_buffer_bytes") < 1 << 20; }, 5s, 20ms));
  EXPECT_EQ(Curl({"-o", "/dev/null", "http://127.0.0.1:" + std::to_string(edge.port()) + "/"}).downloaded, 1u << 20);
}

// Requests without any body, with heads of 15 KB, whose origin thinks: what they hold is not on its way anywhere, but
// it is held.
TEST_F(Overload, HeadsOfRequestsThatWaitAreMemoryToo) {
  ThinkingOrigin origin;
  EdgeConfig config = Config(origin);
  config.services[0].pool = "{ max_connections: 1 }";  // the others wait for it
  Edge edge(config);
  std::vector<std::unique_ptr<Connection>> clients;
  for (int i = 0; i < 20 && Level(edge) < 1; ++i) {
    clients.push_back(Connection::Open(edge.port()));
    ASSERT_TRUE(clients.back());
    std::string bytes = std::string(h2::kPreface) + h2::Settings();
    for (uint32_t s = 0; s < 100; ++s) {
      bytes += h2::Headers(2 * s + 1, {{":method", "PUT"},
                                       {":scheme", "http"},
                                       {":authority", "shop.example"},
                                       {":path", "/"},
                                       {"x-long", std::string(15'000, 'x')}});
    }
    ASSERT_TRUE(clients.back()->Send(bytes, Deadline(5s)));
    const double before = edge.MetricSum("meridian_buffer_bytes");
    EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_buffer_bytes") > before + 1e6 || Level(edge) >= 1; },
                           5s, 10ms));
  }
  EXPECT_EQ(Level(edge), 1);
  EXPECT_GT(clients.size(), 3u) << "heads count once";
  EXPECT_TRUE(Eventually([&] { return Limited(edge, "memory_requests") > 0; }, 5s, 10ms));
  clients.clear();
  EXPECT_TRUE(
      Eventually([&] { return Level(edge) == 0 && edge.MetricSum("meridian_buffer_bytes") < 1 << 20; }, 5s, 10ms));
}

}  // namespace
}  // namespace meridian::testing
