// Clients of HTTP/1.0 that want to keep their connection.
#include <gtest/gtest.h>

#include "http/h1_server.h"
#include "support/scripted_http.h"

namespace meridian {
namespace {

using testing::FakeHost;
using testing::Feed;
using testing::Produce;
using testing::ScriptedSink;

size_t Count(const std::string& text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

class Http10Test : public ::testing::Test {
 protected:
  FakeHost host_;
  ScriptedSink sink_;
  MessageLimits limits_;
};

TEST_F(Http10Test, AClientThatAsksToKeepItsConnectionHearsThatItIsKept) {
  H1Server server(host_, sink_, limits_, false);
  for (const int status : {200, 204, 304, 502}) {
    Feed(server, "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n");
    sink_.requests.back()->Answer(status, status == 204 ? kUnknownLength : 0, false);
    EXPECT_EQ(Count(Produce(server), "connection: keep-alive\r\n"), 1u) << status;
    EXPECT_FALSE(server.finished()) << status;
  }
  Feed(server, "HEAD / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  sink_.requests.back()->Answer(200, 1000);
  EXPECT_EQ(Produce(server), "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\nconnection: keep-alive\r\n\r\n");
}

TEST_F(Http10Test, WhatOnlyTheEndDelimitsIsNotKept) {
  H1Server server(host_, sink_, limits_, false);
  Feed(server, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  sink_.requests.back()->Answer(200);
  sink_.requests.back()->Say("hello");
  sink_.requests.back()->answer.Finish();
  EXPECT_EQ(Produce(server), "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello");
  EXPECT_TRUE(server.finished());
}

TEST_F(Http10Test, WhoIsRefusedOrDrainedIsNotKept) {
  H1Server refusing(host_, sink_, limits_, false);
  Feed(refusing, "GET a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_EQ(Count(Produce(refusing), "connection: close\r\n"), 1u);
  H1Server draining(host_, sink_, limits_, false);
  Feed(draining, "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  draining.StartDrain();
  sink_.requests.back()->Answer(200, 0, false);
  EXPECT_EQ(Count(Produce(draining), "connection: close\r\n"), 1u);
}

TEST_F(Http10Test, AClientOfHttp11NeedsNoWord) {
  H1Server server(host_, sink_, limits_, false);
  Feed(server, "GET / HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  sink_.requests.back()->Answer(200, 0, false);
  EXPECT_EQ(Count(Produce(server), "connection"), 0u);
}

}  // namespace
}  // namespace meridian
