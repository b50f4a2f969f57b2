// Where frames end and a turn of the loop is over.
#include "http/frame_meter.h"

#include <gtest/gtest.h>

#include "support/h2_raw.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

namespace h2 = testing::h2;

using testing::Bytes;

TEST(FrameMeterTest, ATurnTakesSixteenStreamsOrSixtyFourFramesAndNeverHalfAFrameMore) {
  const std::string ping = h2::Frame(h2::kPing, 0, 0, "12345678");
  const std::string head = h2::Frame(h2::kHeaders, 5, 1, "head");
  std::string pings, heads;
  for (int i = 0; i < 100; ++i) pings += ping, heads += head;
  FrameMeter meter(0);
  EXPECT_EQ(meter.Take(Bytes(pings)), 64 * ping.size());
  EXPECT_EQ(meter.Take(Bytes(ping)), 0u) << "the turn is over";
  meter.BeginTurn();
  EXPECT_EQ(meter.Take(Bytes(heads)), 16 * head.size());
}

TEST(FrameMeterTest, AnySplitGivesTheSameFrames) {
  std::string bytes = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  for (int i = 0; i < 40; ++i) bytes += h2::Frame(i % 2 ? 0 : 4, 0, 1, std::string(static_cast<size_t>(i * 7), 'x'));
  for (size_t step = 1; step < bytes.size(); ++step) {
    FrameMeter meter(24);
    size_t taken = 0;
    for (size_t at = 0; at < bytes.size(); at += step)
      taken += meter.Take(Bytes(bytes).subspan(at, std::min(step, bytes.size() - at)));
    ASSERT_EQ(taken, bytes.size()) << step;
  }
}

TEST(FrameMeterTest, AStreamThatDependsOnItselfIsSeenInAnySplit) {
  const std::string before = h2::Frame(h2::kPriority, 0, 3, std::string_view("\x80\0\0\5\1", 5));
  const std::string itself = h2::Frame(h2::kPriority, 0, 5, std::string_view("\x80\0\0\5\1", 5));
  const std::string bytes = before + h2::Frame(h2::kPriority, 0, 5, "123") + itself + h2::Settings();
  for (size_t step = 1; step <= bytes.size(); ++step) {
    FrameMeter meter(0);
    size_t taken = 0;
    for (size_t at = 0; at < bytes.size(); at += step)
      taken += meter.Take(Bytes(bytes).subspan(at, std::min(step, bytes.size() - at)));
    ASSERT_EQ(taken, bytes.size()) << step;
    EXPECT_TRUE(meter.self_dependent()) << step;
  }
  FrameMeter meter(0);
  meter.Take(Bytes(before));
  EXPECT_FALSE(meter.self_dependent());
}

TEST(FrameMeterTest, EightContinuationsAreEnoughForOneHeaderList) {
  const std::string head = h2::Frame(h2::kHeaders, 0, 1, "head");
  const std::string more = h2::Frame(h2::kContinuation, 0, 1, "");
  FrameMeter meter(0);
  for (int list = 0; list < 2; ++list) {
    meter.BeginTurn();
    meter.Take(Bytes(head));
    for (int i = 0; i < 8; ++i) {
      for (const char& byte : more) meter.Take(Bytes({&byte, 1}));  // pieces of a frame are not frames
    }
    EXPECT_FALSE(meter.endless_headers());
  }
  meter.Take(Bytes(more));
  EXPECT_TRUE(meter.endless_headers());
}

TEST(FrameMeterTest, ALongFrameIsOneFrameHoweverManyReadsItTakes) {
  FrameMeter meter(0);
  const std::string frame = h2::Frame(h2::kData, 0, 1, std::string(16384, 'x'));
  for (int i = 0; i < 64; ++i) EXPECT_EQ(meter.Take(Bytes(frame)), frame.size());
  EXPECT_EQ(meter.Take(Bytes(frame)), 0u);
}

}  // namespace
}  // namespace meridian
