// Any text as a configuration: a model, or problems that can be shown. Never both.
#include "control/config.h"

#include "fuzz/input.h"

using namespace meridian;
using meridian::testing::InputText;

// libfyaml 0.7 loses 1 KiB when some texts end in the middle of a value. One bad configuration is one process.
extern "C" const char* __lsan_default_suppressions() { return "leak:libfyaml\n"; }

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ConfigResult result = ParseConfig(InputText(data, size), "fuzz.yaml", "/nonexistent");
  if (result.config.has_value() == !result.problems.empty()) std::abort();
  for (const ConfigProblem& problem : result.problems) {
    if (FormatProblem(problem).empty()) std::abort();
  }
  ProblemsToJson(result.problems);
  return 0;
}
