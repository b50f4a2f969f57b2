#include "server/demo_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace meridian {
namespace {

double PerSecond(uint64_t count, Duration over) {
  return over > Duration::zero() ? static_cast<double>(count) / ToSeconds(over) : 0;
}

std::string Rtt(double ms) { return std::isnan(ms) ? "-" : fmt::format("{:.1f} ms", ms); }

std::string Totals(const DemoTally& last, Duration over, const DemoTally& all) {
  return fmt::format("{:.0f}/s   p50 {:.1f} ms   p99 {:.1f} ms   failed {}", PerSecond(last.answered(), over),
                     ToMilliseconds(last.Quantile(0.5)), ToMilliseconds(last.Quantile(0.99)), all.failed());
}

}  // namespace

std::string TrafficLine(const DemoView& view, const DemoTally& last, Duration over, const DemoTally& all) {
  std::string line;
  for (size_t i = 0; i < view.size(); ++i) {
    line += fmt::format("{} {:.0f} %", kDemoRegions[i].name, last.RegionShare(i) * 100);
    line += view[i].state == "up" ? "   " : fmt::format(" ({})   ", view[i].state);
  }
  return line + Totals(last, over, all);
}

std::string TrafficTable(const DemoView& view, const DemoTally& last, Duration over, const DemoTally& all) {
  std::string table = fmt::format("{:<16}{:<12}{:>10}{:>10}{:>10}{:>18}\n", "region", "state", "rtt", "share", "req/s",
                                  "failed attempts");
  for (size_t i = 0; i < view.size(); ++i) {
    table += fmt::format("{:<16}{:<12}{:>10}{:>8.1f} %{:>10.0f}{:>18}\n", kDemoRegions[i].name, view[i].state,
                         Rtt(view[i].rtt_ms), last.RegionShare(i) * 100, PerSecond(last.of_region(i), over),
                         view[i].failed_attempts);
  }
  return table + fmt::format("\n{} of {}   canary {:.1f} %\n", Totals(last, over, all), all.answered(),
                             last.ServiceShare(kCanary) * 100);
}

void DemoScreen::Draw(const std::string& text) {
  std::string frame = lines_ > 0 ? fmt::format("\x1b[{}F", lines_) : "";
  for (const char c : text) {
    if (c == '\n') frame += "\x1b[K";
    frame += c;
  }
  lines_ = static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  std::fwrite(frame.data(), 1, frame.size(), stdout);
  std::fflush(stdout);
}

}  // namespace meridian
