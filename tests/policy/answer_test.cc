// What an answer's head says about the request and the region it came from.
#include "policy/answer.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

class AnswerTest : public ::testing::Test {
 protected:
  ResponseHead Head(int status, std::initializer_list<std::pair<std::string_view, std::string_view>> fields = {}) {
    ResponseHead head;
    head.status = status;
    head.headers = HeaderBlock(&arena_);
    for (const auto& [name, value] : fields) head.headers.Add(name, value);
    return head;
  }
  AnswerKind Kind(const ResponseHead& head) {
    return Judge(head, StatusSet().Add(500).Add(502, 504).Add(404).Add(429));
  }
  AnswerKind KindByDefault(const ResponseHead& head) { return Judge(head, StatusSet().Add(500).Add(502, 504)); }

 private:
  Arena arena_;
};

TEST_F(AnswerTest, OnlyTheFailureSetDecidesAboutAPlainStatus) {
  EXPECT_EQ(KindByDefault(Head(200)), AnswerKind::kGood);
  EXPECT_EQ(KindByDefault(Head(501)), AnswerKind::kGood);
  EXPECT_EQ(KindByDefault(Head(404)), AnswerKind::kGood);
  EXPECT_EQ(KindByDefault(Head(429)), AnswerKind::kGood);
  EXPECT_EQ(KindByDefault(Head(500)), AnswerKind::kFailure);
  EXPECT_EQ(KindByDefault(Head(502)), AnswerKind::kFailure);
  EXPECT_EQ(KindByDefault(Head(504)), AnswerKind::kFailure);
}

// A bucket that has not been replicated yet misses one object; the region is fine.
TEST_F(AnswerTest, AMissingObjectMovesOneRequestAndDoubtsNoRegion) {
  EXPECT_EQ(Kind(Head(404)), AnswerKind::kMove);
  EXPECT_EQ(Kind(Head(429)), AnswerKind::kFailure);
  EXPECT_EQ(Kind(Head(503)), AnswerKind::kFailure);
}

TEST_F(AnswerTest, AnOriginThatAsksToWaitIsLeftAloneByThisRequest) {
  EXPECT_EQ(KindByDefault(Head(429, {{"retry-after", "3"}})), AnswerKind::kMove);
  EXPECT_EQ(Judge(Head(503, {{"retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"}}), StatusSet()), AnswerKind::kMove);
  EXPECT_EQ(Judge(Head(503), StatusSet()), AnswerKind::kGood) << "an empty set: nothing is tried elsewhere";
  EXPECT_EQ(KindByDefault(Head(301, {{"retry-after", "3"}})), AnswerKind::kGood) << "RFC 9110 §10.2.3: a redirect";
}

TEST_F(AnswerTest, AFailingGrpcCallIsSeenThoughItsStatusIs200) {
  EXPECT_EQ(KindByDefault(Head(200, {{"content-type", "application/grpc+proto"}, {"grpc-status", "14"}})),
            AnswerKind::kFailure);
  EXPECT_EQ(KindByDefault(Head(200, {{"content-type", "application/grpc"}, {"grpc-status", "5"}})), AnswerKind::kGood)
      << "NOT_FOUND is an answer";
  EXPECT_EQ(KindByDefault(Head(200, {{"content-type", "application/grpc"}})), AnswerKind::kGood)
      << "its status comes in the trailers";
  EXPECT_EQ(KindByDefault(Head(200, {{"content-type", "text/plain"}, {"grpc-status", "14"}})), AnswerKind::kGood);
}

TEST_F(AnswerTest, TheBetterOfTwoFailuresSaysMore) {
  EXPECT_LT(Rank(Head(404)), Rank(Head(503)));
  EXPECT_LT(Rank(Head(404)), Rank(Head(429)));
  EXPECT_LT(Rank(Head(429)), Rank(Head(500)));
  EXPECT_EQ(Rank(Head(500)), Rank(Head(504)));
}

}  // namespace
}  // namespace meridian
