#include "filters/registry.h"

#include "filters/client_certificate.h"
#include "filters/forwarding_headers.h"
#include "filters/grpc_timeout.h"
#include "filters/loop_guard.h"
#include "filters/origin_failover.h"
#include "filters/trace_context.h"

namespace meridian {

std::vector<std::shared_ptr<const Filter>> MakeFilters(const FilterOptions& options) {
  return {
      std::make_shared<LoopGuard>(options.edge_name, options.max_hops),
      std::make_shared<ForwardingHeaders>(),
      std::make_shared<ClientCertificateHeader>(),
      std::make_shared<TraceContext>(),
      std::make_shared<GrpcTimeout>(),
      std::make_shared<OriginFailover>(options.replay_unsafe),
  };
}

}  // namespace meridian
