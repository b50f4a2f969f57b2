#include "http/body_pipe.h"

#include <gtest/gtest.h>

#include "http/h1_write.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::Bytes;
using testing::TakeAll;

struct Ear final : BodyPipe::Reader, BodyPipe::Writer {
  void OnBodyReadable() override { ++readable; }
  void OnBodyConsumed(size_t n) override { consumed += n; }
  int readable = 0;
  size_t consumed = 0;
};

TEST(BodyPipeTest, TheReaderHearsBytesAndTheEndTheWriterHearsRoom) {
  BodyPipe pipe;
  Ear ear;
  pipe.set_reader(&ear);
  pipe.set_writer(&ear);
  pipe.Write(nullptr, Bytes("hello"));
  EXPECT_EQ(ear.readable, 1);
  pipe.Finish();
  EXPECT_EQ(ear.readable, 2);
  EXPECT_TRUE(pipe.finished());
  EXPECT_FALSE(pipe.AtEnd()) << "five bytes are still to be taken";
  EXPECT_EQ(TakeAll(pipe), "hello");
  EXPECT_EQ(ear.consumed, 5u);
  EXPECT_TRUE(pipe.AtEnd());
}

TEST(BodyPipeTest, TheFirstEndCounts) {
  BodyPipe finished, failed;
  finished.Finish();
  finished.Fail();
  EXPECT_FALSE(finished.failed());
  EXPECT_TRUE(finished.AtEnd());
  failed.Fail();
  failed.Finish();
  EXPECT_TRUE(failed.failed());
  EXPECT_FALSE(failed.AtEnd());
}

TEST(BodyPipeTest, AFailedBodyStillHandsOutWhatCame) {
  BodyPipe pipe;
  pipe.Write(nullptr, Bytes("half"));
  pipe.Fail();
  EXPECT_EQ(TakeAll(pipe), "half");
  EXPECT_FALSE(pipe.AtEnd());
}

// ---- keeping -------------------------------------------------------------------------------------------------------

TEST(BodyPipeTest, WhatWasKeptCanBeReadAgainAndTheWriterHearsOfEachByteOnce) {
  BodyPipe pipe;
  Ear ear;
  pipe.set_writer(&ear);
  pipe.Keep(100);
  pipe.Write(nullptr, Bytes("hello "));
  EXPECT_EQ(TakeAll(pipe), "hello ");
  EXPECT_EQ(ear.consumed, 6u);
  EXPECT_TRUE(pipe.whole());
  pipe.Rewind();
  pipe.Write(nullptr, Bytes("world"));
  pipe.Finish();
  EXPECT_FALSE(pipe.AtEnd());
  EXPECT_EQ(pipe.unreported(), 5u) << "what the peer's window still lacks";
  EXPECT_EQ(TakeAll(pipe), "hello world");
  EXPECT_EQ(ear.consumed, 11u);
  pipe.Rewind();
  EXPECT_EQ(TakeAll(pipe), "hello world") << "as often as it takes";
  EXPECT_EQ(ear.consumed, 11u);
}

TEST(BodyPipeTest, OverTheLimitNothingIsKeptAndTheBodyGoesOn) {
  BodyPipe pipe;
  pipe.Keep(8);
  pipe.Write(nullptr, Bytes("12345678"));
  EXPECT_EQ(TakeAll(pipe), "12345678");
  EXPECT_TRUE(pipe.whole());
  pipe.Write(nullptr, Bytes("9"));
  EXPECT_EQ(TakeAll(pipe), "9");
  EXPECT_FALSE(pipe.whole());
  EXPECT_TRUE(pipe.overflowed());
}

TEST(BodyPipeTest, LargePiecesAreKeptByReferenceAndStayWhatTheyWere) {
  BodyPipe pipe;
  pipe.Keep(1 << 20);
  std::string all;
  for (int i = 0; i < 20; ++i) {
    Block* block = BlockPool::Local().ReadBlock(16 * 1024);
    const std::string piece(16 * 1024 - static_cast<size_t>(i) * 700, static_cast<char>('a' + i));
    std::memcpy(block->data() + block->used, piece.data(), piece.size());
    const std::span<const uint8_t> bytes(block->data() + block->used, piece.size());
    block->used += static_cast<uint32_t>(piece.size());
    pipe.Write(block, bytes);
    all += piece;
    if (i % 3 == 0) TakeAll(pipe);
  }
  pipe.Rewind();
  EXPECT_TRUE(TakeAll(pipe) == all);
}

TEST(BodyPipeTest, TheEndIsToldWhenTheLastByteWasTaken) {
  struct Watcher final : BodyPipe::Observer {
    void OnBodyDrained() override { ++drained; }
    int drained = 0;
  } watcher;
  BodyPipe pipe;
  pipe.set_observer(&watcher);
  pipe.Write(nullptr, Bytes("abc"));
  TakeAll(pipe);
  EXPECT_EQ(watcher.drained, 0) << "more may come";
  pipe.Finish();
  EXPECT_EQ(watcher.drained, 1);
}

// ---- framing -------------------------------------------------------------------------------------------------------

std::string Written(BodyPipe& pipe, H1Framing framing, bool* ended, size_t used_before = 0) {
  auto out = std::make_unique<OutBuffer>();
  out->Append(std::string(used_before, '#'));
  *ended = WriteBody(pipe, framing, *out);
  return std::string(reinterpret_cast<const char*>(out->bytes().data()), out->size()).substr(used_before);
}

TEST(Chunked, OneChunkPerFlushHoweverManyPiecesItHas) {
  BodyPipe pipe;
  for (int i = 0; i < 3; ++i) pipe.Write(nullptr, Bytes("0123456789"));
  bool ended = true;
  EXPECT_EQ(Written(pipe, H1Framing::kChunked, &ended), "1e\r\n012345678901234567890123456789\r\n");
  EXPECT_FALSE(ended);
  pipe.Finish();
  EXPECT_EQ(Written(pipe, H1Framing::kChunked, &ended), "0\r\n\r\n");
  EXPECT_TRUE(ended);
}

TEST(Chunked, AnEmptyBodyIsTheLastChunkAlone) {
  BodyPipe pipe;
  pipe.Finish();
  bool ended = false;
  EXPECT_EQ(Written(pipe, H1Framing::kChunked, &ended), "0\r\n\r\n");
  EXPECT_TRUE(ended);
}

TEST(Chunked, TrailersFollowTheLastChunk) {
  Arena arena;
  HeaderBlock trailers(&arena);
  trailers.Add("grpc-status", "0");
  trailers.Add("x-sum", "abc");
  BodyPipe pipe;
  pipe.Write(nullptr, Bytes("x"));
  pipe.FinishWithTrailers(trailers);
  bool ended = false;
  EXPECT_EQ(Written(pipe, H1Framing::kChunked, &ended), "1\r\nx\r\n0\r\ngrpc-status: 0\r\nx-sum: abc\r\n\r\n");
  EXPECT_TRUE(ended);
}

TEST(Chunked, AFailedBodyNeverGetsALastChunk) {
  BodyPipe pipe;
  pipe.Write(nullptr, Bytes("half"));
  pipe.Fail();
  bool ended = true;
  EXPECT_EQ(Written(pipe, H1Framing::kChunked, &ended), "4\r\nhalf\r\n");
  EXPECT_FALSE(ended);
  EXPECT_EQ(Written(pipe, H1Framing::kChunked, &ended), "");
  EXPECT_FALSE(ended);
}

TEST(Chunked, IsRightHoweverLittleRoomIsLeftInTheFlush) {
  for (size_t room = 0; room < 64; ++room) {
    BodyPipe pipe;
    pipe.Write(nullptr, Bytes("0123456789abcdefghij"));
    pipe.Finish();
    std::string all;
    bool ended = false;
    all += Written(pipe, H1Framing::kChunked, &ended, OutBuffer::kSize - room);
    EXPECT_LE(all.size(), room);
    for (int i = 0; i < 3 && !ended; ++i) all += Written(pipe, H1Framing::kChunked, &ended);
    // Decode.
    std::string body;
    for (std::string_view rest = all; !rest.empty();) {
      const size_t n = std::stoul(std::string(rest.substr(0, rest.find('\r'))), nullptr, 16);
      rest.remove_prefix(rest.find('\n') + 1);
      body += rest.substr(0, n);
      rest.remove_prefix(n);
      ASSERT_EQ(rest.substr(0, 2), "\r\n");
      rest.remove_prefix(2);
      if (n == 0) {
        EXPECT_TRUE(rest.empty());
      }
    }
    EXPECT_EQ(body, "0123456789abcdefghij");
    EXPECT_TRUE(ended);
  }
}

TEST(Framing, APlainBodyIsCopiedAsItIs) {
  const std::string big(150 * 1024, 'b');
  BodyPipe pipe;
  pipe.Write(nullptr, Bytes(big));
  pipe.Finish();
  std::string all;
  bool ended = false;
  for (int i = 0; i < 10 && !ended; ++i) all += Written(pipe, H1Framing::kLength, &ended);
  EXPECT_TRUE(ended);
  EXPECT_EQ(all, big);
}

}  // namespace
}  // namespace meridian
