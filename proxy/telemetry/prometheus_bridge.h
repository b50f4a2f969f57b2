// Turns worker stats and the control thread's Status into the Prometheus text format (prometheus-cpp core's model and
// TextSerializer). Names: meridian_*, base units, _total; labels route, service, region, origin, error, code class;
// never paths or clients. Clean under `promtool check metrics`. Control thread.
#pragma once

#include <string>
#include <vector>

#include "telemetry/stats.h"
#include "telemetry/status.h"

namespace meridian {

// `workers`: every worker's block. Indexes of WorkerStats::regions run over status.services in order, then their
// regions; those of WorkerStats::routes are status.routes'. REQUIRES: the blocks have that many.
std::string RenderMetrics(const Status& status, const std::vector<const WorkerStats*>& workers,
                          uint64_t access_log_write_errors);

}  // namespace meridian
