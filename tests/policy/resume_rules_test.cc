// Which broken downloads may go on elsewhere, and what may continue them.
#include "policy/resume_rules.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <utility>

namespace meridian {
namespace {

using Fields = std::initializer_list<std::pair<std::string_view, std::string_view>>;
constexpr std::string_view kTag = "\"v1\"";

class ResumeTest : public ::testing::Test {
 protected:
  HeaderBlock Block(Fields fields) {
    HeaderBlock block(&arena_);
    for (const auto& [name, value] : fields) block.Add(name, value);
    return block;
  }
  RequestHead Request(Fields fields = {}, Method method = Method::kGet) {
    RequestHead request;
    request.method = method;
    request.headers = Block(fields);
    return request;
  }
  ResponseHead Response(int status, int64_t length, Fields fields) {
    ResponseHead response;
    response.status = status;
    response.content_length = length;
    response.headers = Block(fields);
    return response;
  }
  bool Continues(std::string_view range, int64_t length = 60, std::string_view tag = kTag) {
    return ContinuesExactly(Response(206, length, {{"etag", tag}, {"content-range", range}}), kTag, 40, 100);
  }

  Arena arena_;
};

TEST_F(ResumeTest, AStrongTagNamesExactBytes) {
  for (const char* good : {"\"\"", "\"v1\"", "\"W/1\"", "\"\xc3\xa9\""}) EXPECT_TRUE(IsStrongEtag(good)) << good;
  for (const char* bad : {"", "\"", "v1", "W/\"v1\"", "\"a\"b\"", "\"a b\"", "\"a", "a\"", "\"\x7f\"", "\"a\tb\""}) {
    EXPECT_FALSE(IsStrongEtag(bad)) << bad;
  }
}

TEST_F(ResumeTest, OnlyAWholeNamedIdentityAnswerToAPlainGetCanGoOn) {
  EXPECT_TRUE(Resumable(Request(), Response(200, 100, {{"etag", kTag}})));
  EXPECT_TRUE(Resumable(Request({{"if-none-match", "\"v0\""}}), Response(200, 100, {{"etag", kTag}})));
  EXPECT_TRUE(Resumable(Request(), Response(200, 100, {{"etag", kTag}, {"content-encoding", "identity"}})));
  EXPECT_TRUE(Resumable(Request(), Response(200, 100, {{"etag", kTag}, {"accept-ranges", "bytes"}})));

  EXPECT_FALSE(Resumable(Request({}, Method::kHead), Response(200, 100, {{"etag", kTag}})));
  EXPECT_FALSE(Resumable(Request({}, Method::kPost), Response(200, 100, {{"etag", kTag}})));
  EXPECT_FALSE(Resumable(Request({{"range", "bytes=0-9"}}), Response(200, 100, {{"etag", kTag}})));
  EXPECT_FALSE(Resumable(Request(), Response(206, 100, {{"etag", kTag}})));
  EXPECT_FALSE(Resumable(Request(), Response(200, kUnknownLength, {{"etag", kTag}}))) << "no end to check against";
  EXPECT_FALSE(Resumable(Request(), Response(200, 100, {}))) << "no name";
  EXPECT_FALSE(Resumable(Request(), Response(200, 100, {{"etag", "W/\"v1\""}}))) << "equivalent is not equal";
  EXPECT_FALSE(Resumable(Request(), Response(200, 100, {{"etag", kTag}, {"etag", "\"v2\""}}))) << "two names";
  EXPECT_FALSE(Resumable(Request(), Response(200, 100, {{"etag", kTag}, {"content-encoding", "gzip"}})));
  EXPECT_FALSE(Resumable(Request(), Response(200, 100, {{"etag", kTag}, {"accept-ranges", "none"}})));
}

TEST_F(ResumeTest, TheRestIsAskedForUnderTheSameNameAndWithoutOtherConditions) {
  RequestHead request = Request({{"accept", "*/*"},
                                 {"if-none-match", "\"v0\""},
                                 {"if-modified-since", "Sat, 29 Oct 1994 19:43:31 GMT"},
                                 {"cookie", "a=1"}});
  AskForRest(request, kTag, 40);
  AskForRest(request, kTag, 70);  // the continuation broke too
  std::string all;
  for (const Header& h : request.headers) all += std::string(h.name) + ": " + std::string(h.value) + "\n";
  EXPECT_EQ(all, "accept: */*\ncookie: a=1\nrange: bytes=70-\nif-range: \"v1\"\n");
}

TEST_F(ResumeTest, OnlyExactlyTheRestContinues) {
  EXPECT_TRUE(Continues("bytes 40-99/100"));
  EXPECT_FALSE(Continues("bytes 41-99/100")) << "a hole";
  EXPECT_FALSE(Continues("bytes 39-99/100")) << "a byte twice";
  EXPECT_FALSE(Continues("bytes 0-99/100", 100)) << "from the beginning";
  EXPECT_FALSE(Continues("bytes 40-98/100", 59)) << "not to the end";
  EXPECT_FALSE(Continues("bytes 40-99/101")) << "another length";
  EXPECT_FALSE(Continues("bytes 40-99/*"));
  EXPECT_FALSE(Continues("bytes */100"));
  EXPECT_FALSE(Continues("bytes 40-99/100", 59)) << "its length says otherwise";
  EXPECT_FALSE(Continues("bytes 40-99/100", kUnknownLength));
  EXPECT_FALSE(Continues("bytes 40-99/100", 60, "\"v2\"")) << "other bytes";
  EXPECT_FALSE(Continues("bytes 40-99/100", 60, "W/\"v1\""));
}

TEST_F(ResumeTest, WhatOnlyLooksLikeARangeDoesNotContinue) {
  for (const char* text : {"",
                           "bytes",
                           "bytes ",
                           "40-99/100",
                           "Bytes 40-99/100",
                           "bytes=40-99/100",
                           "bytes  40-99/100",
                           "bytes 40 -99/100",
                           "bytes 40-99 /100",
                           "bytes 40-99/100 ",
                           "bytes 40-99/100,",
                           "bytes +40-99/100",
                           "bytes 040-99/100",
                           "bytes -40-99/100",
                           "bytes 40-99",
                           "bytes 40-/100",
                           "bytes 40-99/",
                           "bytes 0x28-99/100",
                           "bytes 18446744073709551656-99/100",
                           "bytes 40-18446744073709551715/100",
                           "bytes 40-99/18446744073709551716",
                           "items 40-99/100"}) {
    EXPECT_FALSE(Continues(text)) << text;
  }
}

TEST_F(ResumeTest, OtherStatusesAndCodingsDoNotContinue) {
  const Fields fields = {{"etag", kTag}, {"content-range", "bytes 40-99/100"}};
  for (const int status : {200, 203, 304, 412, 416, 503}) {
    EXPECT_FALSE(ContinuesExactly(Response(status, 60, fields), kTag, 40, 100)) << status;
  }
  EXPECT_FALSE(ContinuesExactly(
      Response(206, 60, {{"etag", kTag}, {"content-range", "bytes 40-99/100"}, {"content-encoding", "gzip"}}), kTag, 40,
      100));
  EXPECT_FALSE(ContinuesExactly(
      Response(206, 60, {{"etag", kTag}, {"content-range", "bytes 40-99/100"}, {"content-range", "bytes 0-9/10"}}),
      kTag, 40, 100));
  EXPECT_FALSE(
      ContinuesExactly(Response(206, 60, {{"etag", kTag}, {"content-type", "multipart/byteranges"}}), kTag, 40, 100));
  for (const char* type : {"multipart/byteranges; boundary=x", "Multipart/ByteRanges", "multipart/mixed"}) {
    EXPECT_FALSE(ContinuesExactly(
        Response(206, 60, {{"content-type", type}, {"etag", kTag}, {"content-range", "bytes 40-99/100"}}), kTag, 40,
        100))
        << type << ": its body is wrapped, whatever its range says";
  }
  EXPECT_TRUE(ContinuesExactly(
      Response(206, 60, {{"content-type", "multi/x"}, {"etag", kTag}, {"content-range", "bytes 40-99/100"}}), kTag, 40,
      100));
  EXPECT_FALSE(ContinuesExactly(Response(206, 0, fields), kTag, 100, 100)) << "nothing is left to ask for";
}

}  // namespace
}  // namespace meridian
