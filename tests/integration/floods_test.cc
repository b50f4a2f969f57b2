// One client attacks, another one works: the attack is ended or bounded, costs little memory, never has more requests
// at work than a connection may, and the other client loses nothing.
#include <atomic>
#include <ostream>
#include <thread>

#include "integration/edge.h"
#include "support/connection.h"
#include "support/h2_raw.h"
#include "support/load_generator.h"

namespace meridian::testing {
namespace {

using namespace h2;

std::string Field(std::string_view name, std::string_view value) { return '\0' + Text(name) + Text(value); }
// :method GET, :scheme http.
std::string Get(std::string_view authority, std::string_view path) {
  return "\x82\x86" + Field(":authority", authority) + Field(":path", path);
}

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
  return Frame(kHeaders, flags, stream, Get("shop.example", "/attack"));
}

const Flood kFloods[] = {
    {"rapid reset", [](uint32_t n) { return Request(Stream(n)) + Frame(kRst, 0, Stream(n), Number(8, 4)); }},
    {"resets that it makes us send",
     [](uint32_t n) { return Request(Stream(n)) + Frame(kWindow, 0, Stream(n), Number(0x7fffffff, 4)); }},
    {"more data than announced",
     [](uint32_t n) {
       return Frame(kHeaders, kEndHeaders, Stream(n),
                    "\x83\x86" + Field(":authority", "shop.example") + Field(":path", "/attack") +
                        Field("content-length", "1")) +
              Frame(kData, 0, Stream(n), "more");
     }},
    {"streams without end", [](uint32_t n) { return Request(Stream(n)); }},
    {"SETTINGS", [](uint32_t) { return Frame(kSettings, 0, 0); }},
    {"SETTINGS with 2700 entries",
     [](uint32_t) {
       std::string entries;
       for (int i = 0; i < 2700; ++i) entries += std::string("\x00\x04", 2) + Number(65535, 4);
       return Frame(kSettings, 0, 0, entries);
     }},
    {"PING", [](uint32_t) { return Frame(kPing, 0, 0, "12345678"); }},
    {"PRIORITY", [](uint32_t n) { return Frame(kPriority, 0, Stream(n), Number(0, 4) + "\x10"); }},
    {"WINDOW_UPDATE", [](uint32_t) { return Frame(kWindow, 0, 0, Number(1, 4)); }},
    {"unknown frames", [](uint32_t) { return Frame(0xbe, 0, 0, "?"); }},
    {"empty DATA",
     [](uint32_t n) {
       return n == 0 ? Frame(kHeaders, kEndHeaders, 1,
                             "\x83\x86" + Field(":authority", "shop.example") + Field(":path", "/attack"))
                     : Frame(kData, 0, 1);
     }},
    {"CONTINUATION",
     [](uint32_t n) { return n == 0 ? Request(1, kEndStream) : Frame(kContinuation, 0, 1, Field("x-a", "b")); }},
    {"one large field, referenced 4000 times",
     [](uint32_t n) {
       // The first request puts it into the table (index 62), the others name it.
       const std::string large = "\x40" + std::string("\x03x-a\x7f\x81\x1e", 7) + std::string(4000, 'v');
       return Frame(kHeaders, kEndStream | kEndHeaders, Stream(n),
                    n == 0 ? Get("shop.example", "/attack") + large
                           : Get("shop.example", "/attack") + std::string(4000, '\xbe'));
     },
     false},
    {"cookie crumbs",
     [](uint32_t n) {
       std::string crumbs;
       for (int i = 0; i < 3000; ++i) crumbs += std::string("\x0f\x11\x00", 3);
       return Frame(kHeaders, kEndStream | kEndHeaders, Stream(n), Get("shop.example", "/attack") + crumbs);
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
    bool open = attacker->Send(std::string(kPreface) + Frame(kSettings, 0, 0), over);
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
