// What decent clients of HTTP/2 send beside their requests, as it was measured, and that a connection may hold four
// times as much. None of it is a flood, for however long it goes on.
#include <gtest/gtest.h>

#include "support/h2_flood.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Deliver;
using testing::FloodedServer;
using testing::Gets;

constexpr uint32_t kFrame = 16 * 1024;

// Frames per thing that they are an answer to.
struct Manners {
  const char* name;
  double updates_per_frame;  // of 16 KiB of DATA, stream and connection together
  double updates_per_small;  // per DATA frame of a few bytes
  double pings_per_data;
  double others_per_request;  // PRIORITY, frames of unknown types, CONTINUATION
};

void PrintTo(const Manners& manners, std::ostream* out) { *out << manners.name; }

class RealClients : public ::testing::TestWithParam<Manners> {
 protected:
  static constexpr double kRoom = 4;
  RealClients() { Deliver(edge_.server, h2::Window(0, 0x7fffffff - 65535)); }

  // `count` answers of `size` bytes, each of which is read as this client reads.
  void Read(int count, size_t size, double updates, double pings, double others) {
    double owed_updates = 0, owed_pings = 0, owed_others = 0;
    for (int i = 0; i < count && !edge_.server.error(); ++i, ++next_) {
      const uint32_t id = 2 * next_ + 1;
      std::string sent = Gets(next_, 1) + h2::Window(id, 0x10000000);
      for (owed_others += others; owed_others >= 1; owed_others -= 1) sent += h2::Frame(0xbe, 0, 0, "grease");
      Deliver(edge_.server, sent);
      auto& request = *edge_.sink.requests.requests.back();
      request.Answer(200);
      request.Say(std::string(size, 'x'));
      for (std::string out = testing::Produce(edge_.server); !out.empty(); out = testing::Produce(edge_.server)) {
        sent.clear();
        h2::ForEachFrame(out, [&](uint8_t type, uint8_t, uint32_t, std::string_view) {
          if (type != h2::kData) return;
          owed_updates += updates;
          owed_pings += pings;
        });
        for (; owed_updates >= 1; owed_updates -= 1) sent += h2::Window(id, 1);
        for (; owed_pings >= 1; owed_pings -= 1) sent += h2::Frame(h2::kPing, 0, 0, "12345678");
        Deliver(edge_.server, sent);
      }
      request.answer.Finish();
      testing::Produce(edge_.server);
    }
  }

  FloodedServer edge_;
  uint32_t next_ = 0;
};

TEST_P(RealClients, ReadLargeAnswersWithoutBeingTakenForAFlood) {
  const Manners& m = GetParam();
  Read(200, 8 * kFrame, kRoom * m.updates_per_frame, kRoom * m.pings_per_data, kRoom * m.others_per_request);
  EXPECT_FALSE(edge_.server.error());
}

TEST_P(RealClients, ReadManySmallAnswersWithoutBeingTakenForAFlood) {
  const Manners& m = GetParam();
  Read(3000, 10, kRoom * m.updates_per_small, kRoom * m.pings_per_data, kRoom * m.others_per_request);
  EXPECT_FALSE(edge_.server.error());
}

INSTANTIATE_TEST_SUITE_P(
    Measured, RealClients,
    // Go 1.26 (reads of 4 KiB; bodies that are closed unread), Node 20, Java 17 (java.net.http), Python httpx 0.28,
    // curl 7.88, nghttp and h2load 1.52, Chromium 156 (fetch, AbortController), Python grpcio 1.85 (unary, streams of
    // both directions, cancelled ones); 1 KiB to 10 MiB, one to a thousand at once, through a relay that counts frames.
    ::testing::Values(Manners{"Go", 8, 0.25, 0, 1}, Manners{"Node", 0.81, 0.03, 0, 0},
                      Manners{"Java", 0.01, 0.25, 0, 0}, Manners{"Httpx", 0.26, 1.01, 0, 0},
                      Manners{"Curl", 0.01, 1, 0, 0}, Manners{"Nghttp", 0.89, 0.65, 0, 0.1},
                      Manners{"Chromium", 0.01, 0.5, 0, 0.42}, Manners{"Grpc", 3.28, 2, 1, 1}),
    [](const auto& client) { return std::string(client.param.name); });

}  // namespace
}  // namespace meridian
