#include <gtest/gtest.h>

#include <string>

#include "filters/client_certificate.h"
#include "filters/forwarding_headers.h"
#include "filters/grpc_timeout.h"
#include "filters/loop_guard.h"
#include "filters/origin_failover.h"
#include "filters/registry.h"
#include "filters/trace_context.h"

namespace meridian {
namespace {

// ---- client_certificate --------------------------------------------------------------------------------------------

TEST(ClientCertificateHeader, RemovesWhatAClientClaimsAndTellsWhatWasVerified) {
  Arena arena;
  ClientInfo client;
  StreamContext context;
  context.client = &client;
  for (const char* certificate : {"", ":AAAA:"}) {
    RequestHead request;
    request.headers = HeaderBlock(&arena);
    for (const char* name : {"client-cert", "client_cert", "accept", "client-cert-chain", "client-cert",
                             "x-forwarded-client-cert", "x_forwarded_client_cert", "client-certificate"}) {
      request.headers.Add(name, "forged");
    }
    client.certificate = certificate;
    EXPECT_FALSE(ClientCertificateHeader().OnRequest(request, context));
    std::string left;
    for (const Header& h : request.headers) left += std::string(h.name) + "=" + std::string(h.value) + " ";
    EXPECT_EQ(left,
              std::string("accept=forged client-certificate=forged ") + (*certificate ? "client-cert=:AAAA: " : ""));
  }
}

TEST(ClientCertificateHeader, BelievesATrustedProxyIfItIsToldToAndKnowsNothingBetter) {
  struct Row {
    const char* story;
    bool trust, trusted_peer;
    const char* certificate;
    std::vector<const char*> names;
    std::string left;
  };
  const Row rows[] = {
      {"a trusted proxy",
       true,
       true,
       "",
       {"client-cert", "client-cert-chain"},
       "client-cert=said client-cert-chain=said "},
      {"somebody else", true, false, "", {"client-cert", "client-cert-chain"}, ""},
      {"a proxy that is trusted with addresses only", false, true, "", {"client-cert", "client-cert-chain"}, ""},
      {"our own certificate", true, true, ":AAAA:", {"client-cert", "client-cert-chain"}, "client-cert=:AAAA: "},
      {"two are one too many", true, true, "", {"client-cert", "client-cert"}, ""},
      {"no standard", true, true, "", {"x-forwarded-client-cert", "client_cert", "client-cert"}, "client-cert=said "},
      {"a chain without a certificate", true, true, "", {"client-cert-chain"}, ""},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.story);
    Arena arena;
    ClientInfo client;
    client.certificate = row.certificate;
    StreamContext context;
    context.client = &client;
    context.trusted_peer = row.trusted_peer;
    RequestHead request;
    request.headers = HeaderBlock(&arena);
    for (const char* name : row.names) request.headers.Add(name, "said");
    EXPECT_FALSE(ClientCertificateHeader(row.trust).OnRequest(request, context));
    std::string left;
    for (const Header& h : request.headers) left += std::string(h.name) + "=" + std::string(h.value) + " ";
    EXPECT_EQ(left, row.left);
  }
}

// ---- origin_failover: the table of replay rules --------------------------------------------------------------------

struct Case {
  const char* story;
  Outcome outcome;
  Method method = Method::kGet;
  bool key = false;
  bool body_gone = false;
  Decision expected = Decision::kAccept;
};

// The exchange says which answers are failures (policy/answer.h); the filter says what may be done about it.
Outcome Good(int status) { return {.status = status, .failure = false, .error = {}, .committed = false}; }
Outcome Failing(int status) { return {.status = status, .failure = true, .error = {}, .committed = false}; }
Outcome Failed(Retry retry, bool committed = false) {
  return {
      .status = 0, .failure = false, .error = {ErrorCode::kReset, Fault::kOrigin, retry, ""}, .committed = committed};
}

TEST(OriginFailover, FollowsTheRulesOfReplay) {
  const OriginFailover filter(false);
  using enum Method;
  constexpr auto kNext = Decision::kTryNext;
  constexpr auto kStay = Decision::kAccept;
  const Case cases[] = {
      {"a good answer is taken", Good(200), kGet, false, false, kStay},
      {"an error of the client is an answer", Good(404), kGet, false, false, kStay},
      {"a status outside the set is an answer", Good(501), kGet, false, false, kStay},
      {"GET leaves a 503", Failing(503), kGet, false, false, kNext},
      {"and so does HEAD", Failing(504), kHead, false, false, kNext},
      {"PUT and DELETE are idempotent", Failing(502), kPut, false, false, kNext},
      {"PUT and DELETE are idempotent", Failing(502), kDelete, false, false, kNext},
      {"POST was processed: never twice", Failing(503), kPost, false, false, kStay},
      {"PATCH was processed: never twice", Failing(503), kPatch, false, false, kStay},
      {"a method that only asks goes on", Failing(503), kOtherSafe, false, false, kNext},
      {"an unknown method may do anything", Failing(503), kOther, false, false, kStay},
      {"POST with an Idempotency-Key may go on", Failing(503), kPost, true, false, kNext},
      {"a body that was given away is gone", Failing(503), kPut, false, true, kStay},
      {"a refused connection saw nothing of any method", Failed(Retry::kAlways), kPost, false, false, kNext},
      {"but the body must still be whole", Failed(Retry::kAlways), kPost, false, true, kStay},
      {"a GET without an answer goes on", Failed(Retry::kIfIdempotent), kGet, false, false, kNext},
      {"a POST without an answer may have been run", Failed(Retry::kIfIdempotent), kPost, false, false, kStay},
      {"a POST with a key goes on", Failed(Retry::kIfIdempotent), kPost, true, false, kNext},
      {"a key does not bring a body back", Failed(Retry::kIfIdempotent), kPost, true, true, kStay},
      {"some errors end it", Failed(Retry::kNever), kGet, false, false, kStay},
      {"what the client has seen stays", Failed(Retry::kAlways, true), kGet, false, false, kStay},
  };
  for (const Case& c : cases) {
    StreamContext context;
    context.method = c.method;
    context.has_idempotency_key = c.key;
    context.body_gone = c.body_gone;
    EXPECT_EQ(filter.OnOutcome(c.outcome, context), c.expected) << c.story;
  }
}

TEST(OriginFailover, ARouteMayDeclareItsPostsSafeToRepeat) {
  const OriginFailover filter(true);
  StreamContext context;
  context.method = Method::kPost;
  EXPECT_EQ(filter.OnOutcome(Failing(503), context), Decision::kTryNext);
  EXPECT_EQ(filter.OnOutcome(Failed(Retry::kIfIdempotent), context), Decision::kTryNext);
  EXPECT_EQ(filter.OnOutcome(Failed(Retry::kAlways, true), context), Decision::kAccept) << "a part was delivered";
  context.body_gone = true;
  EXPECT_EQ(filter.OnOutcome(Failing(503), context), Decision::kAccept) << "the body can't be given again";
}

// ---- forwarding_headers --------------------------------------------------------------------------------------------

class ForwardingTest : public ::testing::Test {
 protected:
  ForwardingTest() {
    request_.authority = "shop.example";
    request_.headers = HeaderBlock(&arena_);
    response_.headers = HeaderBlock(&arena_);
    client_.address = "203.0.113.7";
    client_.tls = true;
    context_.client = &client_;
    context_.scheme = "https";
    context_.request_id = "r-1";
  }
  std::string All(const HeaderBlock& headers, std::string_view name) {
    std::string out;
    for (const Header& h : headers) {
      if (h.name == name) out += "[" + std::string(h.value) + "]";
    }
    return out;
  }
  Arena arena_;
  RequestHead request_;
  ResponseHead response_;
  ClientInfo client_;
  StreamContext context_;
  ForwardingHeaders filter_;
};

TEST_F(ForwardingTest, TheOriginLearnsWhoAsked) {
  EXPECT_FALSE(filter_.OnRequest(request_, context_));
  EXPECT_EQ(All(request_.headers, "x-forwarded-for"), "[203.0.113.7]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-proto"), "[https]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-host"), "[shop.example]");
  EXPECT_EQ(All(request_.headers, "x-request-id"), "[r-1]");
  EXPECT_EQ(All(request_.headers, "via"), "[1.1 meridian]");
}

TEST_F(ForwardingTest, WhatTheClientClaimsAboutItselfIsReplaced) {
  request_.headers.Add("x-forwarded-for", "10.0.0.1");
  request_.headers.Add("x-forwarded-for", "10.0.0.2");
  request_.headers.Add("forwarded", "for=10.0.0.1");
  request_.headers.Add("x-forwarded-proto", "http");
  request_.headers.Add("x-forwarded-host", "evil.example");
  request_.headers.Add("x-meridian-region", "eu");
  request_.headers.Add("accept", "*/*");
  request_.headers.Add("x-meridian-debug", "1");
  filter_.OnRequest(request_, context_);
  EXPECT_EQ(All(request_.headers, "x-forwarded-for"), "[203.0.113.7]");
  EXPECT_EQ(All(request_.headers, "forwarded"), "");
  EXPECT_EQ(All(request_.headers, "x-forwarded-proto"), "[https]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-host"), "[shop.example]");
  EXPECT_EQ(All(request_.headers, "x-meridian-region"), "");
  EXPECT_EQ(All(request_.headers, "x-meridian-debug"), "");
  EXPECT_EQ(All(request_.headers, "accept"), "[*/*]");
}

TEST_F(ForwardingTest, ViaGrowsByOneHopInBothDirections) {
  request_.version = HttpVersion::kHttp2;
  request_.headers.Add("via", "1.1 first");
  request_.headers.Add("via", "1.0 second");
  filter_.OnRequest(request_, context_);
  EXPECT_EQ(All(request_.headers, "via"), "[1.1 first, 1.0 second, 2 meridian]");
  response_.version = HttpVersion::kHttp10;
  filter_.OnResponse(response_, context_);
  EXPECT_EQ(All(response_.headers, "via"), "[1.0 meridian]");
}

TEST_F(ForwardingTest, TheClientGetsTheRequestIdBack) {
  response_.headers.Add("x-request-id", "of the origin");
  filter_.OnResponse(response_, context_);
  EXPECT_EQ(All(response_.headers, "x-request-id"), "[r-1]");
}

TEST_F(ForwardingTest, ATrustedProxyIsBelievedAndAddedToTheList) {
  context_.trusted_peer = true;
  context_.scheme = "http";  // as it says
  request_.headers.Add("x-forwarded-for", "198.51.100.1");
  request_.headers.Add("x-forwarded-for", "10.0.0.2");
  request_.headers.Add("forwarded", "for=198.51.100.1");
  request_.headers.Add("x-forwarded-proto", "http");
  request_.headers.Add("x-forwarded-host", "outside.example");
  request_.headers.Add("x-meridian-region", "eu");
  filter_.OnRequest(request_, context_);
  EXPECT_EQ(All(request_.headers, "x-forwarded-for"), "[198.51.100.1, 10.0.0.2, 203.0.113.7]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-proto"), "[http]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-host"), "[outside.example]");
  EXPECT_EQ(All(request_.headers, "forwarded"), "");
  EXPECT_EQ(All(request_.headers, "x-meridian-region"), "");
}

TEST_F(ForwardingTest, WhatATrustedProxyDoesNotSayIsFilledIn) {
  context_.trusted_peer = true;
  request_.headers.Add("x-forwarded-proto", "gopher");
  filter_.OnRequest(request_, context_);
  EXPECT_EQ(All(request_.headers, "x-forwarded-for"), "[203.0.113.7]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-proto"), "[https]");
  EXPECT_EQ(All(request_.headers, "x-forwarded-host"), "[shop.example]");
}

// ---- loop_guard ----------------------------------------------------------------------------------------------------

TEST(LoopGuardTest, CountsItsOwnNameAndNoOther) {
  EXPECT_EQ(LoopGuard::Count("", "m"), 0);
  EXPECT_EQ(LoopGuard::Count("m", "m"), 1);
  EXPECT_EQ(LoopGuard::Count("a, m ; x=1,M,\tm;y", "m"), 3);
  EXPECT_EQ(LoopGuard::Count("mm, m:80, xm, m.example", "m"), 0);
  EXPECT_EQ(LoopGuard::Count("a; x=\"m, b\", m", "m"), 1);
  EXPECT_EQ(LoopGuard::Count(",, ,m,", "m"), 1);
  EXPECT_EQ(LoopGuard::Count("\"\\", "m"), 0);
}

// A quote that a client left open swallowed all that edges added behind it: its request went in circles for ever.
TEST(LoopGuardTest, CountsItsNameBehindAnOpenQuote) {
  for (const std::string begin : {"\"", "a; x=\"", "a; x=\"\\", "\"b\"; y=\"c\\\""}) {
    EXPECT_EQ(LoopGuard::Count(begin + ", m", "m"), 1) << begin;
    EXPECT_EQ(LoopGuard::Count(begin + ", m, other; v=\"1\", m", "m"), 2) << begin;
  }
}

TEST_F(ForwardingTest, ARequestIsMarkedEachTimeItPassesUntilItIsTooOften) {
  const LoopGuard guard("fra-1", 2);
  EXPECT_FALSE(guard.OnRequest(request_, context_));
  EXPECT_EQ(All(request_.headers, "cdn-loop"), "[meridian-fra-1]");
  EXPECT_FALSE(guard.OnRequest(request_, context_));
  EXPECT_EQ(All(request_.headers, "cdn-loop"), "[meridian-fra-1, meridian-fra-1]");
  const auto reply = guard.OnRequest(request_, context_);
  ASSERT_TRUE(reply);
  EXPECT_EQ(reply->status, 508);
  EXPECT_TRUE(reply->refused);
}

TEST_F(ForwardingTest, TheMarksOfOthersAreKept) {
  request_.headers.Add("cdn-loop", "other.example; a=\"1, 2\"");
  request_.headers.Add("cdn-loop", "meridian");
  EXPECT_FALSE(LoopGuard("fra-1", 1).OnRequest(request_, context_));
  EXPECT_EQ(All(request_.headers, "cdn-loop"), "[other.example; a=\"1, 2\", meridian, meridian-fra-1]");
}

// ---- trace_context -------------------------------------------------------------------------------------------------

constexpr const char* kParent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(TraceContextTest, KnowsAValidTraceparent) {
  EXPECT_TRUE(TraceContext::IsValid(kParent));
  EXPECT_TRUE(TraceContext::IsValid("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")) << "a later version";
  EXPECT_TRUE(TraceContext::IsValid("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more"));
  for (const char* bad : {"", "00", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                          "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                          "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                          "cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.more",
                          "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
                          "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}) {
    EXPECT_FALSE(TraceContext::IsValid(bad)) << bad;
  }
}

TEST_F(ForwardingTest, AValidTraceGoesOnUntouched) {
  request_.headers.Add("traceparent", kParent);
  request_.headers.Add("tracestate", "a=1");
  request_.headers.Add("tracestate", "b=2");
  TraceContext().OnRequest(request_, context_);
  EXPECT_EQ(All(request_.headers, "traceparent"), "[" + std::string(kParent) + "]");
  EXPECT_EQ(All(request_.headers, "tracestate"), "[a=1][b=2]");
}

TEST_F(ForwardingTest, ATraceThatCannotBeReadEndsHereWithItsState) {
  for (const std::vector<const char*>& parents :
       {std::vector<const char*>{"00-junk"}, {kParent, kParent}, std::vector<const char*>{}}) {
    request_.headers.Clear();
    for (const char* parent : parents) request_.headers.Add("traceparent", parent);
    request_.headers.Add("tracestate", "a=1");
    TraceContext().OnRequest(request_, context_);
    EXPECT_TRUE(request_.headers.empty());
  }
}

// ---- grpc_timeout ---------------------------------------------------------------------------------------------------

TEST(GrpcTimeoutTest, ReadsWhatTheProtocolAllowsAndNothingElse) {
  EXPECT_EQ(GrpcTimeout::Parse("250m"), 250ms);
  EXPECT_EQ(GrpcTimeout::Parse("3S"), 3s);
  EXPECT_EQ(GrpcTimeout::Parse("1M"), 1min);
  EXPECT_EQ(GrpcTimeout::Parse("99999999u"), 99999999us);
  EXPECT_EQ(GrpcTimeout::Parse("99999999H"), 24h) << "never an overflow";
  EXPECT_EQ(GrpcTimeout::Parse("0n"), 0ns);
  for (const char* bad : {"", "S", "1", "1s", "-1S", "+1S", "1 S", " 1S", "123456789S", "1.5S", "0x1S"}) {
    EXPECT_EQ(GrpcTimeout::Parse(bad), std::nullopt) << bad;
  }
}

TEST_F(ForwardingTest, AGrpcCallersDeadlineBecomesAWishAndTravelsOn) {
  request_.headers.Add("content-type", "application/grpc+proto");
  request_.headers.Add("grpc-timeout", "2S");
  EXPECT_FALSE(GrpcTimeout().OnRequest(request_, context_));
  EXPECT_EQ(context_.wish.deadline, 2s);
  EXPECT_EQ(All(request_.headers, "grpc-timeout"), "[2S]");
}

TEST_F(ForwardingTest, OthersMayNotShortenTheirTimeLikeThat) {
  request_.headers.Add("grpc-timeout", "2S");
  GrpcTimeout().OnRequest(request_, context_);
  EXPECT_FALSE(context_.wish.deadline);
}

TEST(Registry, ListsTheFiltersInTheirOrder) {
  const auto names = [](const FilterOptions& options) {
    std::string all;
    for (const auto& filter : MakeFilters(options)) all += std::string(filter->name()) + " ";
    return all;
  };
  EXPECT_EQ(
      names({}),
      "max_forwards loop_guard forwarding_headers client_certificate trace_context grpc_timeout origin_failover ");
  FilterOptions options;
  options.rules.rewrite.host = "a";
  options.rules.request_headers.remove = {"a"};
  options.rules.response_headers.remove = {"a"};
  EXPECT_EQ(names(options), "response_headers " + names({}) + "rewrite request_headers ")
      << "edits have the last word on either way";
  options = {};
  options.rules.redirect.emplace();
  EXPECT_EQ(names(options),
            "max_forwards loop_guard forwarding_headers client_certificate trace_context grpc_timeout redirect "
            "origin_failover ");
}

}  // namespace
}  // namespace meridian
