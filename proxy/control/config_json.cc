// A unit of its own: the JSON library is slow to compile.
#include <nlohmann/json.hpp>

#include "control/config.h"

namespace meridian {

std::string ProblemsToJson(const std::vector<ConfigProblem>& problems) {
  nlohmann::ordered_json out = nlohmann::ordered_json::array();
  for (const ConfigProblem& p : problems) {
    out.push_back({{"file", p.file},
                   {"line", p.line},
                   {"column", p.column},
                   {"message", p.message},
                   {"suggestion", p.suggestion},
                   {"excerpt", p.excerpt}});
  }
  // A file's name is bytes and need not be UTF-8.
  return out.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace meridian
