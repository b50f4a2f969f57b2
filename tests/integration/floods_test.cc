// One client attacks, another one works: the attack is ended or bounded, costs little memory, never has more requests
// at work than a connection may, and the other client loses nothing.
#include <atomic>
#include <ostream>
#include <thread>

#include "integration/edge.h"
#include "support/connection.h"
#include "support/h2_frames.h"
#include "support/load_generator.h"

namespace meridian::testing {
namespace {

constexpr uint64_t kMemory = 32u << 20;
constexpr int kMostAtWork = 100;  // limits.max_streams

// What is sent after the preface and SETTINGS, again and again, on a new connection whenever the last one is ended.
struct Flood {
  const char* name;
  std::string (*piece)(uint32_t n);  // the n-th one of a connection
  bool ends = true;                  // the edge ends the connection; otherwise it merely bounds it
};

void PrintTo(const Flood& flood, std::ostream* out) { *out << flood.name; }

uint32_t Stream(uint32_t n) { return 2 * n + 1; }
std::string Request(uint32_t stream, uint8_t flags = kEndStream | kEndHeaders) {
  return H2Frame(kHeadersFrame, flags, stream, H2Get("shop.example", "/attack"));
}

const Flood kFloods[] = {
    {"rapid reset", [](uint32_t n) { return Request(Stream(n)) + H2Frame(kResetFrame, 0, Stream(n), Bytes32(8)); }},
    {"resets that it makes us send",
     [](uint32_t n) { return Request(Stream(n)) + H2Frame(kWindowFrame, 0, Stream(n), Bytes32(0x7fffffff)); }},
    {"more data than announced",
     [](uint32_t n) {
       return H2Frame(kHeadersFrame, kEndHeaders, Stream(n),
                      "\x83\x86" + H2Field(":authority", "shop.example") + H2Field(":path", "/attack") +
                          H2Field("content-length", "1")) +
              H2Frame(kDataFrame, 0, Stream(n), "more");
     }},
    {"streams without end", [](uint32_t n) { return Request(Stream(n)); }},
    {"SETTINGS", [](uint32_t) { return H2Frame(kSettingsFrame, 0, 0); }},
    {"SETTINGS with 2700 entries",
     [](uint32_t) {
       std::string entries;
       for (int i = 0; i < 2700; ++i) entries += std::string("\x00\x04", 2) + Bytes32(65535);
       return H2Frame(kSettingsFrame, 0, 0, entries);
     }},
    {"PING", [](uint32_t) { return H2Frame(kPingFrame, 0, 0, "12345678"); }},
    {"PRIORITY", [](uint32_t n) { return H2Frame(kPriorityFrame, 0, Stream(n), Bytes32(0) + "\x10"); }},
    {"WINDOW_UPDATE", [](uint32_t) { return H2Frame(kWindowFrame, 0, 0, Bytes32(1)); }},
    {"unknown frames", [](uint32_t) { return H2Frame(0xbe, 0, 0, "?"); }},
    {"empty DATA",
     [](uint32_t n) {
       return n == 0 ? H2Frame(kHeadersFrame, kEndHeaders, 1,
                               "\x83\x86" + H2Field(":authority", "shop.example") + H2Field(":path", "/attack"))
                     : H2Frame(kDataFrame, 0, 1);
     }},
    {"CONTINUATION",
     [](uint32_t n) {
       return n == 0 ? Request(1, kEndStream) : H2Frame(kContinuationFrame, 0, 1, H2Field("x-a", "b"));
     }},
    {"one large field, referenced 4000 times",
     [](uint32_t n) {
       // The first request puts it into the table (index 62), the others name it.
       const std::string large = "\x40" + std::string("\x03x-a\x7f\x81\x1e", 7) + std::string(4000, 'v');
       return H2Frame(kHeadersFrame, kEndStream | kEndHeaders, Stream(n),
                      n == 0 ? H2Get("shop.example", "/attack") + large
                             : H2Get("shop.example", "/attack") + std::string(4000, '\xbe'));
     },
     false},
    {"cookie crumbs",
     [](uint32_t n) {
       std::string crumbs;
       for (int i = 0; i < 3000; ++i) crumbs += std::string("\x0f\x11\x00", 3);
       return H2Frame(kHeadersFrame, kEndStream | kEndHeaders, Stream(n), H2Get("shop.example", "/attack") + crumbs);
     },
     false},
};

class Floods : public ::testing::TestWithParam<Flood> {};

TEST_P(Floods, CostLittleAndOthersLoseNothing) {
  const Flood& flood = GetParam();
  std::atomic<int> at_work = 0, most_at_work = 0;
  ScriptedOrigin origin(kNear, [&](const OriginRequest& request) {
    OriginReply reply{.body = "ok"};
    if (request.target != "/attack") return reply;
    const int now = ++at_work;
    for (int most = most_at_work; now > most && !most_at_work.compare_exchange_weak(most, now);) {
    }
    std::this_thread::sleep_for(20ms);  // what a request costs its origin, cancelled or not
    --at_work;
    return reply;
  });
  Edge edge(ShopEdge({{kNear, origin.url()}}));
  LoadGenerator good({.port = edge.port(), .rate = 100, .connections = 8});
  const uint64_t rss = edge.process().RssBytes();
  uint64_t most_rss = rss;
  int ended = 0;
  const Deadline over(2s);
  while (!over.passed()) {
    const auto attacker = Connection::Open(edge.port());
    ASSERT_TRUE(attacker);
    bool open = attacker->Send(std::string(kH2Preface) + H2Frame(kSettingsFrame, 0, 0), over);
    for (uint32_t n = 0; open && !over.passed();) {
      std::string burst;
      for (int i = 0; i < 50; ++i) burst += flood.piece(n++);
      open = attacker->Send(burst, over);
    }
    ended += !over.passed();
    most_rss = std::max(most_rss, edge.process().RssBytes());
  }
  const auto samples = good.Stop();
  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);
  RecordProperty("p99_ms", static_cast<int>(LatencyQuantile(samples, 0.99)));
  EXPECT_TRUE(ended > 0 || !flood.ends) << "nothing has ended it";
  EXPECT_LE(most_at_work, kMostAtWork);
  EXPECT_TRUE(kSanitized || most_rss - rss <= kMemory) << (most_rss - rss) / 1024 << " KiB";
}

INSTANTIATE_TEST_SUITE_P(Http2, Floods, ::testing::ValuesIn(kFloods), [](const auto& row) {
  std::string name;
  for (const char* c = row.param.name; *c; ++c) name += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
  return name;
});

}  // namespace
}  // namespace meridian::testing
