// Connections that take no more in the middle of a flush. A frame of a body then waits inside nghttp2, and until there
// is room again anything may become of its stream: given up, reset, its body moved on to another region.
//
// An upload that moved at such a moment was answered 200 and lacked the 16 384 bytes of that frame: it took them from
// the front of the body, wherever that was by then. One that was given up ended the process.
#include <gtest/gtest.h>

#include <algorithm>

#include "http/h2_client.h"
#include "http/h2_server.h"
#include "support/h2_peer.h"
#include "support/scripted_http.h"
#include "support/seeded.h"

namespace meridian {
namespace {

using testing::Bytes;
using testing::FakeHost;
using testing::H2Peer;
using testing::ScriptedRequest;
using testing::ScriptedResponse;
using testing::ScriptedSink;
using testing::Seeded;
using testing::TakeAll;

constexpr int32_t kWide = 16 << 20;  // windows that hold nobody back
const std::vector<nghttp2_settings_entry> kWideStreams = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWide},
                                                          {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100}};

// What one flush brings into a buffer with `room` left.
std::string Flush(Codec& codec, size_t room = OutBuffer::kSize) {
  static thread_local OutBuffer out;
  static const std::string filler(OutBuffer::kSize, '-');
  out.Clear();
  const size_t taken = OutBuffer::kSize - std::min(room, OutBuffer::kSize);
  out.Append(filler.data(), taken);
  codec.Produce(out);
  return std::string(reinterpret_cast<const char*>(out.bytes().data()) + taken, out.size() - taken);
}

// Bytes that say where they belong.
std::string Content(size_t size, uint32_t seed) {
  std::string out;
  for (uint32_t i = 0; out.size() < size; ++i) out += std::to_string(seed) + ":" + std::to_string(i) + " ";
  out.resize(size);
  return out;
}

// Another reader of the pipe, as the next attempt is.
class NextReader final : public BodyPipe::Reader {
 public:
  void OnBodyReadable() override {}
};

class BlockedUpload : public ::testing::Test {
 protected:
  // An upload whose first flush is full, so that its next frame waits.
  void SetUp() override {
    peer_.OpenConnection(kWide);
    Hear();
    peer_.Input(Flush(client_));
    Hear();
    request_ = response_.Request("PUT", "/x");
    request_.has_body = true;
    body_.Keep(content_.size());
    body_.Write(nullptr, Bytes(content_));
    stream_ = client_.Start(request_, &body_, response_);
    ASSERT_TRUE(stream_);
    peer_.Input(Flush(client_));
    ASSERT_GT(body_.size(), H2Session::kMaxFrame);
  }
  void Hear() {
    const std::string said = peer_.Output();
    if (!said.empty()) client_.OnBytes(nullptr, Bytes(said));
  }
  // Until neither has anything to say. False: they never stop.
  bool Settle() {
    for (int i = 0; i < 100; ++i) {
      Hear();
      const std::string said = Flush(client_);
      if (said.empty()) return true;
      peer_.Input(said);
    }
    return false;
  }

  const std::string content_ = Content(200'000, 1);
  FakeHost host_;
  MessageLimits limits_;
  ScriptedResponse response_;
  RequestHead request_;
  BodyPipe body_;
  NextReader next_;
  ClientStream* stream_ = nullptr;
  H2Client client_{host_, limits_};
  H2Peer peer_{true, kWideStreams};
};

TEST_F(BlockedUpload, GoesOnWhereItWasWhenThereIsRoomAgain) {
  body_.Finish();
  EXPECT_TRUE(Settle());
  EXPECT_EQ(peer_.stream(1).body, content_);
  EXPECT_TRUE(peer_.stream(1).ended);
}

TEST_F(BlockedUpload, ThatIsGivenUpSendsNothingMoreAndHarmsNoOther) {
  stream_->Cancel();
  ScriptedResponse other;
  const RequestHead get = other.Request("GET");
  ASSERT_TRUE(client_.Start(get, nullptr, other));
  EXPECT_TRUE(Settle());
  EXPECT_TRUE(peer_.stream(1).closed);
  EXPECT_FALSE(peer_.stream(1).ended);
  EXPECT_EQ(peer_.stream(3).Field(":method"), "GET");
  peer_.Respond(3, {{":status", "200"}});
  EXPECT_TRUE(Settle());
  EXPECT_EQ(other.completed, 1);
}

// It held its place in the pool for ever.
TEST_F(BlockedUpload, ThatIsGivenUpAtAnOriginThatTakesNothingLeavesAStuckConnection) {
  stream_->Cancel();
  EXPECT_FALSE(client_.stuck(host_.now));
  EXPECT_TRUE(client_.stuck(host_.now + ClientCodec::kPatience + 1ms));
  EXPECT_TRUE(Settle());
  EXPECT_FALSE(client_.stuck(host_.now + ClientCodec::kPatience + 1ms));
}

TEST_F(BlockedUpload, ThatIsGivenUpBesideAnotherDoesNotCondemnTheConnection) {
  ScriptedResponse other;
  const RequestHead get = other.Request("GET");
  ASSERT_TRUE(client_.Start(get, nullptr, other));
  stream_->Cancel();
  EXPECT_FALSE(client_.stuck(host_.now + 10s));
  client_.OnClosed({ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "connection reset"});
}

TEST_F(BlockedUpload, ThatMovedOnLeavesEveryByteToTheNextRegion) {
  body_.Rewind();
  body_.set_reader(&next_);
  EXPECT_TRUE(Settle());
  EXPECT_EQ(TakeAll(body_), content_);
  const H2Peer::Stream& left = peer_.stream(1);
  EXPECT_TRUE(content_.starts_with(left.body)) << "what was sent is not the beginning of the body";
  EXPECT_TRUE(left.closed);
  EXPECT_FALSE(left.ended);
}

TEST_F(BlockedUpload, ThatMovedOnAndWasTakenDoesNotHoldUpTheConnection) {
  body_.Rewind();
  body_.set_reader(&next_);
  EXPECT_EQ(TakeAll(body_), content_);
  EXPECT_TRUE(Settle());
  EXPECT_FALSE(peer_.stream(1).ended);
}

TEST_F(BlockedUpload, ThatMovedOnWhileItsLastFrameWaitedHasNoEndHere) {
  body_.Finish();
  // Room for one frame each time, and too little for the next one: at last for the one that carries the end.
  while (body_.size() > H2Session::kMaxFrame) peer_.Input(Flush(client_, H2Session::kMaxFrame + 65));
  ASSERT_GT(body_.size(), 0u);
  body_.Rewind();
  body_.set_reader(&next_);
  EXPECT_TRUE(Settle());
  EXPECT_FALSE(peer_.stream(1).ended);
  EXPECT_EQ(TakeAll(body_), content_);
}

TEST_F(BlockedUpload, WhoseClientFailedEndsInAResetBehindWhatItHad) {
  body_.Fail();
  EXPECT_TRUE(Settle());
  EXPECT_TRUE(content_.starts_with(peer_.stream(1).body));
  EXPECT_TRUE(peer_.stream(1).closed);
  EXPECT_FALSE(peer_.stream(1).ended);
}

TEST_F(BlockedUpload, WhoseConnectionEndsIsToldOnce) {
  client_.OnClosed({ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "connection reset"});
  EXPECT_EQ(response_.failed, 1);
}

// Many uploads over two connections, whose flushes have any room, and which are cancelled and moved at any moment.
TEST(BlockedUploads, KeepEveryByteWhateverBecomesOfTheirNeighbours) {
  const uint64_t seed = testing::Asked("MERIDIAN_SEED", 1);
  for (uint64_t round = 0; round < 200; ++round) {
    SCOPED_TRACE(::testing::Message() << "MERIDIAN_SEED=" << seed << ", round " << round);
    Seeded chance(seed, round);
    FakeHost host;
    MessageLimits limits;
    struct Side {
      Side(FakeHost& h, const MessageLimits& l) : client(h, l) { peer.OpenConnection(kWide); }
      H2Client client;
      H2Peer peer{true, kWideStreams};
    };
    std::vector<std::unique_ptr<Side>> sides;
    for (int i = 0; i < 2; ++i) sides.push_back(std::make_unique<Side>(host, limits));
    struct Upload {
      std::string content;
      size_t written = 0;
      BodyPipe body;
      std::vector<std::unique_ptr<ScriptedResponse>> responses;
      std::vector<std::unique_ptr<RequestHead>> requests;
      ClientStream* stream = nullptr;
      size_t side = 0;
      bool left = false;
    };
    std::vector<std::unique_ptr<Upload>> uploads;
    const auto start = [&](Upload& u, size_t side) {
      u.side = side;
      u.responses.push_back(std::make_unique<ScriptedResponse>());
      u.requests.push_back(
          std::make_unique<RequestHead>(u.responses.back()->Request("PUT", "/" + std::to_string(side))));
      u.requests.back()->has_body = true;
      u.stream = sides[side]->client.Start(*u.requests.back(), &u.body, *u.responses.back());
    };
    const auto talk = [&](size_t side, size_t room) {
      Side& s = *sides[side];
      const std::string heard = s.peer.Output();
      if (!heard.empty()) s.client.OnBytes(nullptr, Bytes(heard));
      const std::string said = Flush(s.client, room);
      if (!said.empty()) s.peer.Input(said);
      return !said.empty() || !heard.empty();
    };
    for (int i = 0; i < 3; ++i) {
      uploads.push_back(std::make_unique<Upload>());
      uploads.back()->content = Content(40'000 + chance.Below(200'000), static_cast<uint32_t>(i));
      uploads.back()->body.Keep(1 << 20);
      start(*uploads.back(), chance.Below(2));
    }
    for (int step = 0; step < 60; ++step) {
      Upload& u = *uploads[chance.Below(uploads.size())];
      switch (chance.Below(6)) {
        case 0:
        case 1: {
          const size_t n = std::min(u.content.size() - u.written, chance.Below(80'000));
          u.body.Write(nullptr, Bytes(std::string_view(u.content).substr(u.written, n)));
          u.written += n;
          break;
        }
        case 2:
          // To the other region; the attempt before it may be held for its answer, or is given up.
          if (u.left) break;
          if (chance.Below(2) && u.responses.back()->failed == 0) u.stream->Cancel();
          u.body.Rewind();
          start(u, 1 - u.side);
          break;
        case 3:
          if (chance.Below(8) > 0 || u.left || u.responses.back()->failed > 0) break;
          u.stream->Cancel();
          u.left = true;
          break;
        default:
          talk(chance.Below(2), 16'000 + chance.Below(OutBuffer::kSize));
      }
    }
    for (auto& u : uploads) {
      u->body.Write(nullptr, Bytes(std::string_view(u->content).substr(u->written)));
      u->body.Finish();
    }
    int turns = 0;
    for (bool any = true; any && turns < 1000; ++turns) {
      any = false;
      for (size_t side = 0; side < 2; ++side) any |= talk(side, OutBuffer::kSize);
    }
    ASSERT_LT(turns, 1000) << "they never stop talking";
    size_t whole = 0;
    for (auto& side : sides) {
      for (const int32_t id : side->peer.heads()) {
        const H2Peer::Stream& stream = side->peer.stream(id);
        const auto u = std::ranges::find_if(
            uploads, [&](const auto& upload) { return upload->content.starts_with(stream.body.substr(0, 20)); });
        if (stream.body.empty()) continue;
        ASSERT_TRUE(u != uploads.end());
        ASSERT_TRUE((*u)->content.starts_with(stream.body)) << "bytes are missing, or another's";
        if (!stream.ended) continue;
        ++whole;
        ASSERT_EQ(stream.body.size(), (*u)->content.size());
      }
    }
    const size_t expected = static_cast<size_t>(std::ranges::count_if(uploads, [](const auto& u) { return !u->left; }));
    ASSERT_EQ(whole, expected) << "an upload that nobody gave up did not arrive";
    for (auto& side : sides) side->client.OnClosed({ErrorCode::kReset, Fault::kOrigin, Retry::kNever, "over"});
  }
}

// The other direction: answers whose clients leave, whose origins break, or which are reset, beside others.
TEST(BlockedAnswers, KeepEveryByteWhateverBecomesOfTheirNeighbours) {
  const uint64_t seed = testing::Asked("MERIDIAN_SEED", 1);
  for (uint64_t round = 0; round < 200; ++round) {
    SCOPED_TRACE(::testing::Message() << "MERIDIAN_SEED=" << seed << ", round " << round);
    Seeded chance(seed, round);
    FakeHost host;
    ScriptedSink sink;
    MessageLimits limits;
    H2Server server(host, sink, limits, false);
    H2Peer peer(false, {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kWide}});
    peer.OpenConnection(kWide);
    const auto talk = [&](size_t room) {
      const std::string heard = peer.Output();
      if (!heard.empty()) server.OnBytes(nullptr, Bytes(heard));
      const std::string said = Flush(server, room);
      if (!said.empty()) peer.Input(said);
      return !said.empty() || !heard.empty();
    };
    struct Answer {
      int32_t id = 0;
      std::string content;
      size_t written = 0;
      bool over = false;  // it was given up
    };
    std::vector<Answer> answers;
    for (int i = 0; i < 4; ++i) {
      answers.push_back({peer.Request({{":method", "GET"}, {":scheme", "http"}, {":authority", "a"}, {":path", "/"}}),
                         Content(40'000 + chance.Below(200'000), static_cast<uint32_t>(i))});
    }
    while (talk(OutBuffer::kSize)) {
    }
    ASSERT_EQ(sink.size(), answers.size());
    for (size_t i = 0; i < answers.size(); ++i) sink[i].Answer(200);
    const auto say = [&](size_t i, size_t most) {
      Answer& a = answers[i];
      const size_t n = std::min(a.content.size() - a.written, most);
      sink[i].Say(std::string_view(a.content).substr(a.written, n));
      a.written += n;
    };
    for (int step = 0; step < 40; ++step) {
      const size_t i = chance.Below(answers.size());
      Answer& a = answers[i];
      switch (chance.Below(8)) {
        case 0:
        case 1:
        case 2:
          if (!a.over) say(i, chance.Below(120'000));
          break;
        case 3: {
          if (a.over || chance.Below(4) > 0) break;
          a.over = true;
          const size_t how = chance.Below(3);
          if (how == 0) peer.Reset(a.id, NGHTTP2_CANCEL);
          if (how == 1 && sink[i].stream) sink[i].stream->Reset(false);
          if (how == 2) sink[i].answer.Fail();
          break;
        }
        default:
          talk(16'000 + chance.Below(OutBuffer::kSize));
      }
    }
    for (size_t i = 0; i < answers.size(); ++i) {
      if (answers[i].over) continue;
      say(i, SIZE_MAX);
      sink[i].answer.Finish();
    }
    int turns = 0;
    while (turns < 1000 && talk(OutBuffer::kSize)) ++turns;
    ASSERT_LT(turns, 1000) << "they never stop talking";
    for (const Answer& a : answers) {
      const H2Peer::Stream& stream = peer.stream(a.id);
      ASSERT_TRUE(a.content.starts_with(stream.body)) << "bytes are missing, or another's";
      ASSERT_EQ(stream.ended, !a.over);
      ASSERT_EQ(stream.body.size(), a.over ? stream.body.size() : a.content.size());
    }
    server.OnClosed({ErrorCode::kReset, Fault::kClient, Retry::kNever, "over"});
  }
}

}  // namespace
}  // namespace meridian
