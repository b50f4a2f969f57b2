// `meridian drill region NAME`: starts a drill at a running edge, shows how it goes, and says how it ended.
#pragma once

#include <cstdint>
#include <string>

namespace meridian {

struct DrillOptions {
  std::string region;
  std::string kind;
  std::string share = "100%";
  std::string length = "60s";
  std::string delay = "1s";
  uint64_t abort_after = 1;
  bool force = false;
  std::string admin = "127.0.0.1:9901";
  std::string report;  // a file for the report as JSON, or empty
};

// 0: passed. 1: aborted, cancelled (also by INT or TERM), refused by the edge, or no edge there. Prints to stdout.
int RunDrill(const DrillOptions& options);

}  // namespace meridian
