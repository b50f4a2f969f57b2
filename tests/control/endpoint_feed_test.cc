// Names that change, and name servers that say nothing, no, or half of it.
#include "control/endpoint_feed.h"

#include <gtest/gtest.h>

#include "support/name_server.h"
#include "support/run_loop.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

using testing::RunUntil;

class EndpointFeedTest : public ::testing::Test, private EndpointFeedSink {
 protected:
  void Begin() {
    id_ = feed_.Add("svc.test", 80);
    ASSERT_TRUE(RunUntil(loop_, [&] { return feed_.settled(); }));
  }
  // What the edge knows once its name was asked again.
  std::string After(std::vector<std::string> answer) {
    server_.Set("svc.test", std::move(answer));
    for (int i = 0; i < 12; ++i) {
      loop_.Advance(500ms);
      testing::Settle(loop_);
    }
    return Known();
  }
  std::string Known() {
    std::string text;
    for (const Endpoint& e : feed_.endpoints(id_)) text += (text.empty() ? "" : " ") + IpText(e);
    return text;
  }

  Loop loop_{true};
  testing::NameServer server_{loop_};
  int changes_ = 0;

 private:
  void OnEndpointsChanged(size_t) override { ++changes_; }
  EndpointFeedSink& self_ = *this;
  EndpointFeed feed_{loop_, self_, server_.address()};
  size_t id_ = 0;
};

TEST_F(EndpointFeedTest, ANameThatMovesIsFollowed) {
  server_.Set("svc.test", {"192.0.2.1"});
  Begin();
  EXPECT_EQ(Known(), "192.0.2.1");
  SetLogFormat(true);
  ::testing::internal::CaptureStderr();
  EXPECT_EQ(After({"192.0.2.2", "192.0.2.3"}), "192.0.2.2 192.0.2.3");
  const std::string events = ::testing::internal::GetCapturedStderr();
  EXPECT_NE(events.find("dns_changed"), std::string::npos);
  EXPECT_NE(events.find(R"("added":"192.0.2.2 192.0.2.3","removed":"192.0.2.1")"), std::string::npos) << events;
  EXPECT_EQ(changes_, 2);
}

TEST_F(EndpointFeedTest, TheOrderOfAnAnswerIsNoNews) {
  server_.Set("svc.test", {"192.0.2.1", "192.0.2.2"});
  Begin();
  After({"192.0.2.2", "192.0.2.1"});
  EXPECT_EQ(changes_, 1);
}

TEST_F(EndpointFeedTest, AnEmptyOrFailedAnswerKeepsTheLastGoodOne) {
  server_.Set("svc.test", {"192.0.2.1"});
  Begin();
  EXPECT_EQ(After({}), "192.0.2.1");
  server_.fails = true;
  EXPECT_EQ(After({"192.0.2.9"}), "192.0.2.1");
  server_.fails = false;
  EXPECT_EQ(After({"192.0.2.9"}), "192.0.2.9");
}

// The addresses of one family come, the question for the other one fails: what is missing has not left the name.
TEST_F(EndpointFeedTest, AnAnswerThatFailedForOneFamilyKeepsItsAddresses) {
  server_.Set("svc.test", {"192.0.2.1", "2001:db8::1"});
  Begin();
  EXPECT_EQ(Known(), "192.0.2.1 2001:db8::1");
  server_.fails_v6 = true;
  EXPECT_EQ(After({"192.0.2.2"}), "192.0.2.2 2001:db8::1");
  server_.fails_v6 = false;
  EXPECT_EQ(After({"192.0.2.2"}), "192.0.2.2");
}

}  // namespace
}  // namespace meridian
