// How the demo shows traffic: a table that is redrawn in place, or one line per moment where that can't be.
#pragma once

#include <cstddef>
#include <string>

#include "server/demo_admin.h"
#include "server/demo_tally.h"

namespace meridian {

// "eu-west-1 95 % (ramp 94 %)   us-east-1 5 %   …   200/s   p50 9.1 ms   p99 13.0 ms   failed 0". `last`: of the last
// `over`.
std::string TrafficLine(const DemoView& view, const DemoTally& last, Duration over, const DemoTally& all);
// Several lines, each with its newline.
std::string TrafficTable(const DemoView& view, const DemoTally& last, Duration over, const DemoTally& all);

// Draws texts over each other on a terminal.
class DemoScreen {
 public:
  void Draw(const std::string& text);

 private:
  size_t lines_ = 0;  // of the last text
};

}  // namespace meridian
