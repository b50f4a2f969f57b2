// One client attacks, another one works: the attack is ended or bounded, costs little memory, never has more requests
// at work than a connection may, and the other client loses nothing.
#include <array>
#include <atomic>
#include <chrono>
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
constexpr size_t kLetters = 26;
// A proxy that takes a flood whole makes others wait for 1 to 4 s. This is no measure of speed (bench/floods is), so it
// leaves room for a machine with much else to do.
constexpr double kSlow = 2000;  // ms

// What is sent after the preface and SETTINGS, again and again, on a new connection whenever the last one is ended.
struct Flood {
  const char* name;
  std::string (*piece)(uint32_t n);  // the n-th one of a connection
  bool ends = true;                  // the edge ends the connection; otherwise it merely bounds it
  bool reads = false;                // what it is answered, and never leaves it to fill the buffers
  std::string settings{};            // in its SETTINGS frame
};

void PrintTo(const Flood& flood, std::ostream* out) { *out << flood.name; }

uint32_t Stream(uint32_t n) { return 2 * n + 1; }
std::string Request(uint32_t stream, uint8_t flags = kEndStream | kEndHeaders) {
  return Frame(kHeaders, flags, stream, Get("shop.example", "/attack"));
}
std::string Post(uint32_t stream, const std::string& length) {
  return Frame(kHeaders, kEndHeaders, stream,
               "\x83\x86" + Field(":authority", "shop.example") + Field(":path", "/attack") +
                   (length.empty() ? "" : Field("content-length", length)));
}
std::string Settings2700() {
  std::string entries;
  for (int i = 0; i < 2700; ++i) entries += Setting(4, 65'535);
  return Settings(entries);
}
// The first request puts a field into the table (index 62), all name it as often as one frame can.
std::string Bomb(uint32_t n, const std::string& name, const std::string& value, size_t times) {
  const std::string field = n == 0 ? "\x40" + Text(name) + Text(value) : "";
  return Frame(kHeaders, kEndStream | kEndHeaders, Stream(n),
               Get("shop.example", "/attack") + field + std::string(times, '\xbe'));
}

const Flood kFloods[] = {
    {"rapid reset", [](uint32_t n) { return Request(Stream(n)) + Rst(Stream(n)); }},
    {"resets of a hundred open streams",
     [](uint32_t n) {
       const uint32_t round = n / 200 * 100, i = n % 200;
       return i < 100 ? Request(Stream(round + i)) : Rst(Stream(round + i - 100));
     }},
    {"resets by windows that overflow", [](uint32_t n) { return Request(Stream(n)) + Window(Stream(n), 0x7fffffff); }},
    {"resets by updates of zero", [](uint32_t n) { return Request(Stream(n)) + Window(Stream(n), 0); }},
    {"resets by PRIORITY of four bytes",
     [](uint32_t n) { return Request(Stream(n)) + Frame(kPriority, 0, Stream(n), "1234"); }},
    {"resets by data behind the end", [](uint32_t n) { return Request(Stream(n)) + Data(Stream(n), "more"); }},
    {"resets by more data than announced",
     [](uint32_t n) { return Post(Stream(n), "1") + Data(Stream(n), "more", 0); }},
    {"resets by less data than announced", [](uint32_t n) { return Post(Stream(n), "9") + Data(Stream(n), "less"); }},
    {"resets by malformed heads",
     [](uint32_t n) {
       return h2::Headers(Stream(n), {{":method", "GET"}, {"X", "y"}});
     }},
    {"streams without end", [](uint32_t n) { return Request(Stream(n)); }},
    {"SETTINGS", [](uint32_t) { return Settings(); }},
    {"SETTINGS that are read", [](uint32_t) { return Settings(); }, true, true},
    {"SETTINGS with 2700 entries", [](uint32_t) { return Settings2700(); }},
    {"PING", [](uint32_t) { return Frame(kPing, 0, 0, "12345678"); }},
    {"PING that are read", [](uint32_t) { return Frame(kPing, 0, 0, "12345678"); }, true, true},
    {"PRIORITY", [](uint32_t n) { return Frame(kPriority, 0, Stream(n), Number(0, 4) + "\x10"); }},
    {"WINDOW_UPDATE", [](uint32_t) { return Window(0, 1); }},
    {"unknown frames", [](uint32_t) { return Frame(0xbe, 0, 0, "?"); }},
    {"empty DATA", [](uint32_t n) { return n == 0 ? Post(1, "") : Data(1, "", 0); }},
    {"DATA of padding",
     [](uint32_t n) { return n == 0 ? Post(1, "") : Data(1, "\xff" + std::string(255, '\0'), kPadded); }},
    {"CONTINUATION",
     [](uint32_t n) { return n == 0 ? Request(1, kEndStream) : Frame(kContinuation, 0, 1, Field("x-a", "b")); }},
    {"empty CONTINUATION", [](uint32_t n) { return n == 0 ? Request(1, kEndStream) : Frame(kContinuation, 0, 1); }},
    {"one large field, referenced 4000 times", [](uint32_t n) { return Bomb(n, "x-a", std::string(4000, 'v'), 4000); },
     false},
    {"cookie crumbs",
     [](uint32_t n) {
       std::string crumbs;
       for (int i = 0; i < 3000; ++i) crumbs += std::string("\x0f\x11\x00", 3);
       return Frame(kHeaders, kEndStream | kEndHeaders, Stream(n), Get("shop.example", "/attack") + crumbs);
     },
     false},
    {"crumbs from the table", [](uint32_t n) { return Bomb(n, "cookie", "a", 16'000); }, false},
    {"empty fields from the table", [](uint32_t n) { return Bomb(n, "x-a", "", 16'000); }, false},
    {"crumbs behind a shut window, opened byte by byte",
     [](uint32_t n) { return Bomb(n, "cookie", "a", 16'000) + Window(Stream(n / 2), 1); }, false, false, Setting(4, 0)},
    {"all that is allowed behind a shut window",
     [](uint32_t n) { return Bomb(n, "x-a", std::string(550, 'v'), n < 100 ? 98 : 0) + Window(Stream(n / 2), 1); },
     false, false, Setting(4, 0)},
};

class Floods : public ::testing::TestWithParam<Flood> {};

// What `attacker` was sent by now.
void ReadAll(Connection& attacker) {
  std::string answer;
  while (attacker.Read(&answer, Deadline(0ms)) == ReadEnd::kData && answer.size() < (1u << 20)) {
  }
}

TEST_P(Floods, CostLittleAndOthersLoseNothing) {
  const Flood& flood = GetParam();
  // By connection of the attacker, each of which asks for a path of its own.
  std::array<std::atomic<int>, kLetters> at_work_of{};
  std::atomic<int> most_at_work = 0;
  ScriptedOrigin origin(kNear, [&](const OriginRequest& request) {
    OriginReply reply{.body = "ok"};
    if (!request.target.starts_with("/attac")) return reply;
    std::atomic<int>& at_work = at_work_of[static_cast<size_t>(request.target.back() - 'a')];
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
  // Two seconds, or on a machine that is busy or checks every step as long as the first end takes.
  const Deadline enough(2s), over(20s);
  const auto done = [&] { return over.passed() || (enough.passed() && (ended > 0 || !flood.ends)); };
  for (size_t number = 0; !done(); ++number) {
    const auto attacker = Connection::Open(edge.port());
    ASSERT_TRUE(attacker);
    bool open = attacker->Send(std::string(kPreface) + Settings(flood.settings), over);
    for (uint32_t n = 0; open && !done();) {
      std::string burst;
      for (int i = 0; i < 50; ++i) burst += flood.piece(n++);
      for (size_t at = 0; (at = burst.find("/attack", at)) != std::string::npos;) {
        burst[at += 6] = static_cast<char>('a' + number % kLetters);
      }
      open = attacker->Send(burst, over);
      if (flood.reads) ReadAll(*attacker);
    }
    ended += !open && !over.passed();
    most_rss = std::max(most_rss, edge.process().RssBytes());
  }
  const auto begin = Clock::now();
  EXPECT_EQ(Http1Client(edge.port()).Get("/item").status, 200) << "behind the attack";
  const double after = std::chrono::duration<double, std::milli>(Clock::now() - begin).count();
  const auto samples = good.Stop();
  EXPECT_TRUE(Failed(samples).empty()) << Describe(samples);
  const double p99 = LatencyQuantile(samples, 0.99);
  RecordProperty("p99_ms", static_cast<int>(p99));
  EXPECT_TRUE(kSanitized || (p99 < kSlow && after < kSlow))
      << p99 << " ms during the attack, " << after << " ms behind it";
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
