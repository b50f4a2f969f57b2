// One body from several sources: each byte once and in order, never more in hand than the client's side may hold.
#include "stream/resumed_body.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::Bytes;
using testing::TakeAll;

constexpr std::string_view kTag = "\"v1\"";

class ResumedBodyTest : public ::testing::Test, private ResumedBodySink, private BodyPipe::Writer {
 protected:
  std::unique_ptr<ResumedBody> Body(uint64_t total) {
    ResumedBodySink& sink = *this;
    return std::make_unique<ResumedBody>(loop_, sink, total, kTag);
  }
  BodyPipe::Writer& writer() { return *this; }
  void Turns() {
    for (int i = 0; i < 3; ++i) loop_.RunTurn(false);
  }
  Loop loop_{true};
  int over_ = 0;
  size_t opened_ = 0;  // by how much the source's window opened

 private:
  void OnSourceOver() override { ++over_; }
  void OnBodyConsumed(size_t bytes) override { opened_ += bytes; }
};

TEST_F(ResumedBodyTest, TheWindowOfTheSourceOpensOnlyAsTheClientTakes) {
  BodyPipe source;
  source.set_writer(&writer());
  const std::string all(3 * BodyPipe::kHighWater, 'x');
  auto body = Body(all.size());
  body->Attach(source);
  source.Write(nullptr, Bytes(all));
  EXPECT_EQ(opened_, BodyPipe::kHighWater) << "a client that takes nothing holds the origin back";
  body->pipe().Consume(1000);
  EXPECT_EQ(opened_, BodyPipe::kHighWater + 1000);
  EXPECT_EQ(body->pipe().size(), BodyPipe::kHighWater);
}

TEST_F(ResumedBodyTest, TrailersOfABodyThatDidNotBreakArrive) {
  Arena arena;
  HeaderBlock trailers(&arena);
  trailers.Add("x-sum", "6");
  BodyPipe source;
  auto body = Body(3);
  body->Attach(source);
  source.Write(nullptr, Bytes("abc"));
  source.FinishWithTrailers(trailers);
  EXPECT_EQ(TakeAll(body->pipe()), "abc");
  EXPECT_TRUE(body->pipe().AtEnd());
  ASSERT_FALSE(body->pipe().trailers().empty());
  EXPECT_EQ(testing::Text(body->pipe().trailers()), "x-sum: 6\n");
}

TEST_F(ResumedBodyTest, WhatABrokenSourceStillHoldsIsDeliveredBeforeAnotherIsAskedFor) {
  BodyPipe source;
  const std::string held(2 * BodyPipe::kHighWater, 'x');
  auto body = Body(held.size() + 1);
  body->Attach(source);
  source.Write(nullptr, Bytes(held));
  source.Fail();
  body->SourceBroke();
  Turns();
  EXPECT_EQ(over_, 0);
  body->pipe().Consume(BodyPipe::kHighWater);
  Turns();
  EXPECT_EQ(over_, 1);
  EXPECT_EQ(body->delivered(), held.size());
  EXPECT_TRUE(body->waiting());
}

TEST_F(ResumedBodyTest, NothingIsHeardAfterTheClientIsGone) {
  BodyPipe source;
  auto body = Body(10);
  body->Attach(source);
  body->SourceBroke();
  EXPECT_TRUE(body->pending());
  body->Stop();
  Turns();
  EXPECT_EQ(over_, 0);
}

// Any sizes, any breaks, any pace of the client.
TEST_F(ResumedBodyTest, HoweverOftenItBreaksEachByteComesOnceAndInOrder) {
  for (unsigned seed = 0; seed < 300; ++seed) {
    std::mt19937 random(seed);
    const auto draw = [&](size_t limit) { return static_cast<size_t>(random() % (limit + 1)); };
    std::string whole(1 + draw(400'000), ' ');
    for (char& c : whole) c = static_cast<char>(random());
    auto body = Body(whole.size());
    std::vector<std::unique_ptr<BodyPipe>> sources;
    size_t sent = 0;
    bool broken = true;
    std::string got;
    while (!body->pipe().AtEnd()) {
      if (broken && body->waiting() && !body->pending()) {
        sources.push_back(std::make_unique<BodyPipe>());
        sent = body->delivered();
        broken = false;
        body->Attach(*sources.back());
      }
      const size_t n = std::min(draw(60'000), whole.size() - sent);
      if (!broken && sent < whole.size()) {
        sources.back()->Write(nullptr, Bytes(std::string_view(whole).substr(sent, n)));
        sent += n;
        if (sent == whole.size()) {
          sources.back()->Finish();
        } else if (draw(9) == 0) {
          broken = true;
          sources.back()->Fail();
          body->SourceBroke();
        }
      }
      BodyPipe& pipe = body->pipe();
      ASSERT_LE(pipe.size(), BodyPipe::kHighWater);
      for (size_t take = draw(50'000); take > 0 && pipe.size() > 0;) {
        const auto front = pipe.Front();
        const size_t part = std::min(take, front.size());
        got.append(reinterpret_cast<const char*>(front.data()), part);
        pipe.Consume(part);
        take -= part;
      }
      Turns();
    }
    ASSERT_EQ(got.size(), whole.size()) << "seed " << seed;
    ASSERT_TRUE(got == whole) << "seed " << seed;
  }
}

}  // namespace
}  // namespace meridian
