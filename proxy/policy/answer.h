// What the head of an origin's answer says about this request and about the region it came from.
//
//   a status of the route's failure set   → elsewhere; from 500 on, and 429, also news for the region's memory: 404 and
//                                           403 speak about one object (replication lag), not about a region
//   429 or 503 with Retry-After           → elsewhere, whatever the set says: the origin itself asks not to be asked.
//                                           Not held against the region, since such a limit is often that of one client
//   gRPC UNAVAILABLE in the head          → elsewhere, and news for the region (a trailers-only response; its HTTP
//                                           status is 200)
// Pure; no allocation.
#pragma once

#include <cstdint>

#include "meridian/message.h"
#include "meridian/status_set.h"

namespace meridian {

enum class AnswerKind : uint8_t {
  kGood,     // for the client
  kMove,     // this request had better go elsewhere
  kFailure,  // and the region is in doubt
};

// Of a failure status: it is news for the region's memory.
constexpr bool SpeaksAboutRegion(int status) { return status >= 500 || status == 429; }
AnswerKind Judge(const ResponseHead& head, const StatusSet& failures);

// gRPC's UNAVAILABLE, in a head or in trailers; `fields` of a response whose content-type is that of gRPC.
bool IsGrpcUnavailable(const HeaderBlock& fields);

// Which of two failures to show a client when there is nothing better: the lower one. Answers below 500 say more than
// "overloaded", and that says more than any other 5xx. gRPC's count as 503.
int Rank(const ResponseHead& head);

}  // namespace meridian
