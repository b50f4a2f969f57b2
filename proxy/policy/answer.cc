#include "policy/answer.h"

namespace meridian {
namespace {

constexpr std::string_view kUnavailable = "14";  // grpc/doc/statuscodes.md

bool AsksToWait(const ResponseHead& head) {
  return (head.status == 429 || head.status == 503) && head.headers.Find(HeaderId::kRetryAfter) != nullptr;
}

}  // namespace

bool IsGrpcUnavailable(const HeaderBlock& fields) {
  for (const Header& h : fields) {
    if (h.name == "grpc-status") return h.value == kUnavailable;
  }
  return false;
}

AnswerKind Judge(const ResponseHead& head, const StatusSet& failures) {
  if (failures.Contains(head.status)) {
    return SpeaksAboutRegion(head.status) ? AnswerKind::kFailure : AnswerKind::kMove;
  }
  if (AsksToWait(head)) return AnswerKind::kMove;
  if (head.status == 200 && IsGrpc(head.headers) && IsGrpcUnavailable(head.headers)) return AnswerKind::kFailure;
  return AnswerKind::kGood;
}

int Rank(const ResponseHead& head) {
  if (head.status == 429) return 1;
  if (head.status == 200) return 2;
  return head.status < 500 ? 0 : 2;
}

}  // namespace meridian
