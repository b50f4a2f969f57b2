// Max-Forwards (RFC 9110 §7.6.2): how far an OPTIONS or a TRACE goes, which every hop must count. At 0 the edge is the
// final recipient.
//
// OPTIONS is answered with an empty 200: of the edge itself there is nothing to say. TRACE gets back what came
// (§9.3.8), without any field that could be a secret: only those that tell the way are in it. A value that is no number
// could not be counted by anybody and is 400.
#pragma once

#include "meridian/filter.h"

namespace meridian {

class MaxForwards final : public Filter {
 public:
  std::string_view name() const override { return "max_forwards"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
};

}  // namespace meridian
