// Time as every layer speaks it: a monotonic instant that is handed in, never read.
//
// Only the loop, the logs and the benchmarks read the real clock; everything else takes `now` as an argument,
// which is what makes policies testable in microseconds and whole regions simulable in virtual time.
#pragma once

#include <chrono>
#include <cstdint>

namespace meridian {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;

using namespace std::chrono_literals;

inline double ToSeconds(Duration d) { return std::chrono::duration<double>(d).count(); }
inline double ToMilliseconds(Duration d) { return std::chrono::duration<double, std::milli>(d).count(); }
inline int64_t ToMicroseconds(Duration d) { return std::chrono::duration_cast<std::chrono::microseconds>(d).count(); }

}  // namespace meridian
