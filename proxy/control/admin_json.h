// The documents of the admin API: what it answers with and what it takes. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "control/drills.h"
#include "telemetry/status.h"

namespace meridian {

// Each ends with a newline. What is not known (NaN) is null; text that is not UTF-8 is replaced, never an error.
std::string StatusJson(const Status& status);
// {"route":"shop-api","weights":{"shop":90,"shop-v2":10},"shares":{"shop":0.9,"shop-v2":0.1}}
std::string WeightsJson(const RouteStatus& route);
// {"region":"eu-west-1","dial":0.5}
std::string DialJson(const RegionStatus& region);
// {"id":1,"region":"eu-west-1","kind":"503",…}, and {"drills":[…]}
std::string DrillJson(const DrillStatus& drill);
std::string DrillsJson(const std::vector<DrillStatus>& drills);
// RFC 9457.
std::string ProblemJson(int status, std::string_view title, std::string_view detail);

// Why a body is refused: 400 for what is no JSON (or names a member twice), 422 for what makes no sense here.
struct BodyProblem {
  int status = 0;  // 0: none
  std::string detail;
};

// {"weights":{"shop":90,"shop-v2":10}}: whole numbers 0…1 000 000 or percentages ("1.5%") that add up to 100 %. Every
// service of the split is named, no other, and not all are 0. `weights` is in the order of `route.split`.
BodyProblem ParseWeights(std::string_view body, const RouteStatus& route, std::vector<uint32_t>* weights);
// {"dial":"50%"} or a number from 0 to 1.
BodyProblem ParseDial(std::string_view body, double* dial);
// {"region":"eu-west-1","kind":"503"|"reset"|"hang"|"slow"} and, each optional, "share":"100%", "for":"60s",
// "delay":"1s", "abort_after":1, "force":false. No other member.
BodyProblem ParseDrill(std::string_view body, DrillRequest* drill);

}  // namespace meridian
