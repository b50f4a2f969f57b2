// The caller's own deadline: `grpc-timeout` lowers the time that a gRPC request may take over all attempts.
//
// At most eight digits and a unit (H M S m u n; gRPC over HTTP/2, "Timeout"). What does not read so is ignored, since
// it is the origin's to refuse. The field goes on unchanged.
#pragma once

#include "meridian/filter.h"

namespace meridian {

class GrpcTimeout final : public Filter {
 public:
  std::string_view name() const override { return "grpc_timeout"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
  // "250m" is a quarter of a second.
  static std::optional<Duration> Parse(std::string_view text);
};

}  // namespace meridian
