// Bodies for the admin API: taken in bounds, or refused with a status and a reason.
#include "control/admin_json.h"

#include "fuzz/input.h"

using namespace meridian;
using meridian::testing::InputText;

namespace {

void Require(bool held) {
  if (!held) std::abort();
}
void RequireReason(const BodyProblem& problem) {
  Require(problem.status == 0 || ((problem.status == 400 || problem.status == 422) && !problem.detail.empty()));
  ProblemJson(problem.status, "title", problem.detail);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 1) return 0;
  const std::string_view body = InputText(data + 1, size - 1);
  if (data[0] % 3 == 0) {
    RouteStatus route;
    route.split.resize(2);
    route.split[0].service = "shop";
    route.split[1].service = "shop-v2";
    std::vector<uint32_t> weights;
    const BodyProblem problem = ParseWeights(body, route, &weights);
    RequireReason(problem);
    if (!problem.status) {
      Require(weights.size() == 2 && weights[0] <= 1'000'000 && weights[1] <= 1'000'000 && weights[0] + weights[1] > 0);
    }
  } else if (data[0] % 3 == 1) {
    double dial = -1;
    const BodyProblem problem = ParseDial(body, &dial);
    RequireReason(problem);
    if (!problem.status) Require(dial >= 0 && dial <= 1);
  } else {
    DrillRequest drill;
    RequireReason(ParseDrill(body, &drill));
  }
  return 0;
}
