// An origin's name is all of its addresses: whichever works is used, and none costs more than a moment.
#include <sys/resource.h>

#include <algorithm>
#include <tuple>

#include "origin/pool_fixture.h"

namespace meridian::testing {
namespace {

constexpr std::string_view kClose = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok";

// Nobody listens there.
Endpoint Refusing(std::string_view at) {
  static std::vector<int> held;  // so that nobody else is given the port
  const Endpoint any = *ParseHostPort(at);
  held.push_back(socket(any.v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const SockAddr address = ToSockAddr(any);
  Must(bind(held.back(), address.get(), address.size) == 0, "no address for nobody");
  return *LocalAddress(held.back());
}

bool HasIpv6() {
  const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const SockAddr address = ToSockAddr(*ParseHostPort("[::1]:0"));
  const bool has = fd >= 0 && bind(fd, address.get(), address.size) == 0;
  if (fd >= 0) close(fd);
  return has;
}

class PoolOfAddresses : public PoolTest {
 protected:
  // Time passes until `done`, 10 ms by 10 ms; how much of it.
  template <typename F>
  Duration Until(F done, Duration limit = 5s) {
    const TimePoint begin = loop_.Now();
    for (;;) {
      for (int i = 0; i < 20 && !done(); ++i) {
        loop_.RunTurn(false);
        sched_yield();
      }
      if (done() || loop_.Now() - begin >= limit) return loop_.Now() - begin;
      loop_.Advance(10ms);
    }
  }
  // Answers whatever has come to `origin`, and closes.
  static void ServeAll(TestOrigin& origin) {
    for (size_t i = 0; i < origin.connections(); ++i) {
      if (origin.requests(i) > 0) {
        origin.Answer(i, kClose);
        origin.CloseConnection(i);
      }
    }
  }
  // One request to a name with these addresses, of which `origin_` answers; how long it took.
  Duration AskOnce(const std::vector<Endpoint>& name) {
    Asker asker;
    if (!asker.Ask(*pool_, name)) ADD_FAILURE() << asker.error.what;
    const Duration took = Until([&] {
      ServeAll(origin_);
      return asker.done() || asker.failures > 0;
    });
    EXPECT_TRUE(asker.done()) << asker.error.what;
    EXPECT_EQ(asker.asked, EndpointText(origin_.endpoint()));
    return took;
  }
};

// ---- each way to be dead -------------------------------------------------------------------------------------------

enum class Dead { kRefused, kNoRoute, kSilent };
using Way = std::tuple<Dead, bool, int>;  // how, of which family (true: IPv6), how many

class DeadAddresses : public PoolOfAddresses, public ::testing::WithParamInterface<Way> {
 protected:
  void SetUp() override {
    if (std::get<1>(GetParam()) && !HasIpv6()) GTEST_SKIP() << "no IPv6 on this machine";
    const auto [how, v6, count] = GetParam();
    for (int i = 0; i < count; ++i) dead_.push_back(MakeDead(how, v6));
  }
  Endpoint MakeDead(Dead how, bool v6) {
    const std::string_view any = v6 ? "[::1]:0" : "127.0.0.1:0";
    if (how == Dead::kRefused) return Refusing(any);
    if (how == Dead::kSilent) return silent_.emplace_back(std::make_unique<FullListener>(any))->endpoint();
    // To a group of hosts there is no route for TCP.
    return *ParseHostPort(v6 ? "[ff02::1]:80" : "224.0.0.1:80");
  }
  std::vector<Endpoint> With(const Endpoint& good) const {
    std::vector<Endpoint> name = dead_;
    name.push_back(good);
    return name;
  }
  std::vector<Endpoint> dead_;
  std::vector<std::unique_ptr<FullListener>> silent_;
};

INSTANTIATE_TEST_SUITE_P(EachWay, DeadAddresses,
                         ::testing::Combine(::testing::Values(Dead::kRefused, Dead::kNoRoute, Dead::kSilent),
                                            ::testing::Bool(), ::testing::Values(1, 3)));

TEST_P(DeadAddresses, EachRequestIsAnsweredAndHardlyAnyWaits) {
  Make();
  int slow = 0;
  for (int i = 0; i < 12; ++i) {
    const Duration took = AskOnce(With(origin_.endpoint()));
    EXPECT_LE(took, 350ms);
    slow += took > 20ms;
  }
  EXPECT_LE(slow, std::get<2>(GetParam())) << "each dead address is found out once";
  EXPECT_GT(counters_.address_failures, 0u);
}

TEST_P(DeadAddresses, ABurstIsAnsweredAtOnce) {
  Make(OriginProtocol::kHttp, 64, 64);
  std::vector<Asker> askers(24);
  for (Asker& asker : askers) ASSERT_TRUE(asker.Ask(*pool_, With(origin_.endpoint()))) << asker.error.what;
  const auto all = [&] { return std::all_of(askers.begin(), askers.end(), [](Asker& a) { return a.done(); }); };
  EXPECT_LE(Until([&] {
              ServeAll(origin_);
              return all();
            }),
            350ms);
  EXPECT_TRUE(all());
}

TEST_P(DeadAddresses, ABurstOfHttp2IsAnsweredAtOnce) {
  Make(OriginProtocol::kH2c, 64, 64);
  TestH2Origin h2(loop_);
  std::vector<Asker> askers(24);
  for (Asker& asker : askers) ASSERT_TRUE(asker.Ask(*pool_, With(h2.endpoint()))) << asker.error.what;
  const auto all = [&] { return std::all_of(askers.begin(), askers.end(), [](Asker& a) { return a.done(); }); };
  EXPECT_LE(Until(all), 350ms);
  EXPECT_TRUE(all());
}

TEST_P(DeadAddresses, AWarmConnectionFindsTheOneThatWorks) {
  Make();
  pool_->SetAddresses(With(origin_.endpoint()));
  pool_->KeepWarm();
  EXPECT_LE(Until([&] { return counters_.opened > 0 && origin_.connections() == 1; }), 350ms);
  Until([&] { return false; }, 20ms);
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_));
  EXPECT_TRUE(asker.reused);
}

TEST_P(DeadAddresses, OnlyWhenAllAreDeadTheRequestFails) {
  Make();
  Asker asker;
  if (asker.Ask(*pool_, dead_)) {
    const Duration took = Until([&] { return asker.failures > 0; });
    EXPECT_LE(took, 1250ms) << "all of them share the connect timeout";
  }
  EXPECT_EQ(asker.error.retry, Retry::kAlways);
  EXPECT_EQ(asker.error.fault, Fault::kOrigin);
  EXPECT_NE(std::find_if(dead_.begin(), dead_.end(), [&](const Endpoint& e) { return EndpointText(e) == asker.asked; }),
            dead_.end())
      << "it says which one was tried last: " << asker.asked;
  EXPECT_EQ(pool_->connections(), 0u);
}

// ---- the race ------------------------------------------------------------------------------------------------------

TEST_F(PoolOfAddresses, ASlowAddressIsNotOvertakenWithinAQuarterSecond) {
  Make();
  TestOrigin other(loop_);
  FullListener silent;
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, {silent.endpoint(), other.endpoint()}));
  loop_.Advance(Dial::kSilence - 10ms);
  Settle(loop_);
  EXPECT_EQ(other.connections(), 0u);
  loop_.Advance(20ms);
  EXPECT_TRUE(RunUntil(loop_, [&] { return asker.stream != nullptr; }));
  EXPECT_EQ(asker.asked, EndpointText(other.endpoint()));
  EXPECT_EQ(pool_->connections(), 1u) << "the slow one is given up";
}

TEST_F(PoolOfAddresses, ManySilentAddressesTogetherTakeNoLongerThanTheConnectTimeout) {
  Make();
  std::vector<std::unique_ptr<FullListener>> silent;
  std::vector<Endpoint> name;
  for (int i = 0; i < 32; ++i) name.push_back(silent.emplace_back(std::make_unique<FullListener>())->endpoint());
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, name));
  const Duration took = Until([&] { return asker.failures > 0; });
  EXPECT_GE(took, 1s);
  EXPECT_LE(took, 1250ms);
  EXPECT_EQ(counters_.opened, 32u) << "each was tried";
  EXPECT_EQ(counters_.closed, 32u);
  EXPECT_EQ(asker.error.code, ErrorCode::kConnectTimeout);
}

TEST_F(PoolOfAddresses, AConnectionUnderWayCountsOnceHoweverManyAddressesItTries) {
  Make(OriginProtocol::kHttp, 1);
  FullListener silent[3];
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, {silent[0].endpoint(), silent[1].endpoint(), silent[2].endpoint(), origin_.endpoint()}));
  ASSERT_TRUE(two.Ask(*pool_));
  Until([&] { return counters_.opened >= 3; });
  EXPECT_EQ(pool_->connections(), 1u);
  Until([&] { return origin_.requests(0) > 0; });
  Serve(0);
  Serve(0);
  EXPECT_TRUE(RunUntil(loop_, [&] { return one.done() && two.done(); }));
  EXPECT_EQ(pool_->connections(), 1u);
  EXPECT_EQ(counters_.opened - counters_.closed, 1u);
}

TEST_F(PoolOfAddresses, AnAddressThatComesBackIsUsedAgain) {
  Make();
  const std::vector<Endpoint> name = {Refusing("127.0.0.1:0"), origin_.endpoint()};
  AskOnce(name);
  AskOnce(name);
  EXPECT_EQ(counters_.address_failures, 1u);
  loop_.Advance(AddressMemory::kFirstRest);
  for (int i = 0; i < 2; ++i) AskOnce(name);
  EXPECT_EQ(counters_.address_failures, 2u) << "tried again, and found dead again";
}

TEST_F(PoolOfAddresses, WithoutDescriptorsNoAddressIsBlamed) {
  Make();
  rlimit before{};
  getrlimit(RLIMIT_NOFILE, &before);
  const int next = dup(0);
  close(next);
  const rlimit none{static_cast<rlim_t>(next), before.rlim_max};
  setrlimit(RLIMIT_NOFILE, &none);
  Asker asker;
  EXPECT_FALSE(asker.Ask(*pool_, at(origin_)));
  setrlimit(RLIMIT_NOFILE, &before);
  EXPECT_EQ(asker.error.fault, Fault::kSelf);
  EXPECT_EQ(counters_.address_failures, 0u);
}

// ---- TLS -----------------------------------------------------------------------------------------------------------

class PoolOfTlsAddresses : public PoolOfAddresses {
 protected:
  PoolOfTlsAddresses() {
    std::string problem;
    context_ = TlsClientContext::Make("", false, false, &problem);
    Must(context_ != nullptr, problem);
    tls_ = context_.get();
    Make(OriginProtocol::kHttps);
  }
  std::unique_ptr<TlsClientContext> context_;
  TestOrigin other_{loop_};
};

TEST_F(PoolOfTlsAddresses, WhenAHandshakeFailsTheNextAddressIsTriedAtOnce) {
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, {origin_.endpoint(), other_.endpoint()}));
  ASSERT_TRUE(RunUntil(loop_, [&] { return !origin_.received(0).empty(); }));
  origin_.Send(0, "HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_TRUE(RunUntil(loop_, [&] { return !other_.received(0).empty(); }));
  EXPECT_EQ(asker.failures, 0);
}

TEST_F(PoolOfTlsAddresses, AHandshakeIsGivenAsLongAsTheConnectionBeforeAnotherAddressIsAsked) {
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, {origin_.endpoint(), other_.endpoint()}));
  ASSERT_TRUE(RunUntil(loop_, [&] { return !origin_.received(0).empty(); }));
  loop_.Advance(2 * Dial::kSilence - 10ms);
  Settle(loop_);
  EXPECT_EQ(other_.connections(), 0u);
  loop_.Advance(20ms);
  EXPECT_TRUE(RunUntil(loop_, [&] { return other_.connections() == 1; }));
}

// ---- names that change ---------------------------------------------------------------------------------------------

TEST_F(PoolOfAddresses, AnAddressThatLeftTheNameTakesNoNewRequest) {
  Make();
  TestOrigin other(loop_);
  Asker before, after;
  ASSERT_TRUE(before.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return before.done(); }));
  ASSERT_TRUE(after.Ask(*pool_, at(other)));
  EXPECT_FALSE(after.reused);
  ASSERT_TRUE(RunUntil(loop_, [&] { return other.requests(0) > 0; }));
  EXPECT_TRUE(origin_.closed(0)) << "its idle connections end";
  EXPECT_EQ(counters_.address_left, 1u);
}

TEST_F(PoolOfAddresses, WhatIsUnderWayAtAnAddressThatLeftIsCarriedToItsEnd) {
  Make();
  TestOrigin other(loop_);
  Asker busy, after;
  ASSERT_TRUE(busy.Ask(*pool_, at(origin_)));
  ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; }));
  pool_->SetAddresses(at(other));
  Settle(loop_);
  EXPECT_FALSE(origin_.closed(0));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return busy.done(); }));
  ASSERT_TRUE(after.Ask(*pool_));
  EXPECT_TRUE(RunUntil(loop_, [&] { return other.requests(0) > 0 && origin_.closed(0); }));
}

TEST_F(PoolOfAddresses, StreamsAtAnAddressThatLeftAreCarriedToTheirEndAndNoneIsAdded) {
  Make(OriginProtocol::kH2c);
  TestH2Origin first(loop_), second(loop_);
  ScriptedRequest* held = nullptr;
  first.set_on_head([&](ScriptedRequest& request) { held = &request; });
  Asker busy, after;
  ASSERT_TRUE(busy.Ask(*pool_, {first.endpoint()}));
  ASSERT_TRUE(RunUntil(loop_, [&] { return held != nullptr; }));
  ASSERT_TRUE(after.Ask(*pool_, {second.endpoint()}));
  ASSERT_TRUE(RunUntil(loop_, [&] { return after.done(); }));
  EXPECT_EQ(after.asked, EndpointText(second.endpoint()));
  held->Answer(204, kUnknownLength, false);
  ASSERT_TRUE(RunUntil(loop_, [&] { return busy.done(); }));
  EXPECT_TRUE(RunUntil(loop_, [&] { return pool_->connections() == 1; }));
}

TEST_F(PoolOfAddresses, AnAddressThatIsConnectedToWhenItLeavesIsNotUsed) {
  Make();
  FullListener left;
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, {left.endpoint()}));
  Settle(loop_);
  pool_->SetAddresses(at(origin_));
  EXPECT_TRUE(RunUntil(loop_, [&] { return origin_.requests(0) > 0; })) << "at once, though no time has passed";
  EXPECT_EQ(counters_.closed, 1u);
}

TEST_F(PoolOfAddresses, WhoHasTriedAllAddressesTriesANewOne) {
  Make();
  FullListener silent;
  Asker asker;
  ASSERT_TRUE(asker.Ask(*pool_, {silent.endpoint()}));
  loop_.Advance(500ms);
  pool_->SetAddresses(std::vector<Endpoint>{silent.endpoint(), origin_.endpoint()});
  EXPECT_LE(Until([&] { return origin_.requests(0) > 0; }), 50ms);
}

TEST_F(PoolOfAddresses, AnEmptyAnswerOfTheNameChangesNothing) {
  Make();
  Asker one, two;
  ASSERT_TRUE(one.Ask(*pool_, at(origin_)));
  Serve(0);
  ASSERT_TRUE(RunUntil(loop_, [&] { return one.done(); }));
  ASSERT_TRUE(two.Ask(*pool_, {}));
  EXPECT_TRUE(two.reused);
}

}  // namespace
}  // namespace meridian::testing
