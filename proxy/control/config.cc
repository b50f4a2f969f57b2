#include "control/config.h"

#include <filesystem>
#include <iterator>
#include <memory>
#include <utility>

#include "control/config_keys.h"
#include "control/config_sections.h"
#include "control/config_utf8.h"
#include "net/regular_file.h"

namespace meridian {
namespace {

// In the order in which sections are read: a route can name a service only after the services.
const Fields<ConfigDraft>& TopFields() {
  static const Fields<ConfigDraft> fields = [] {
    Fields<ConfigDraft> all = ProcessFields();
    for (Field<ConfigDraft>& field : ServiceFields()) all.push_back(std::move(field));
    for (Field<ConfigDraft>& field : RouteFields()) all.push_back(std::move(field));
    return all;
  }();
  return fields;
}

// The kernel would hand connections to the one or the other at random.
void CheckAdminIsApart(const ConfigDraft& draft, ProblemList& problems) {
  Endpoint admin;
  if (!draft.config.admin || !ParseListenAddress(draft.config.admin->address, &admin).empty()) return;
  for (const ListenAddress& listen : draft.listen) {
    if (listen.endpoint != admin) continue;
    problems.Add(listen.at, "this listener's address is that of the admin endpoint", "see 'admin'");
  }
}

Config Finish(ConfigDraft draft) {
  draft.model.max_hops = draft.config.limits.max_hops;
  draft.model.max_answer_bytes = draft.config.limits.max_answer_bytes;
  draft.model.max_answer_fields = draft.config.limits.max_answer_fields;
  draft.config.model = std::make_shared<const Model>(std::move(draft.model));
  return std::move(draft.config);
}

}  // namespace

ConfigResult ParseConfig(std::string_view text, const std::string& file, const std::string& base_dir) {
  const std::string_view body = WithoutByteOrderMark(text);
  ProblemList problems(file, body);
  ConfigDraft draft;
  if (const std::optional<YamlNode> root = ParseYaml(body, problems)) {
    Decoder decoder{problems, base_dir};
    DecodeSection(*root, {}, "the configuration", TopFields(), decoder, draft);
    CheckAdminIsApart(draft, problems);
    if (problems.size() == 0) CheckObjectives(*root, draft, problems);
  }
  ConfigResult result;
  result.problems = problems.Take();
  if (result.problems.empty()) result.config = Finish(std::move(draft));
  return result;
}

ConfigResult LoadConfig(const std::string& path) {
  std::string text;
  std::string why;
  if (!ReadRegularFile(path, kMaxYamlBytes, &text, &why)) {
    ConfigResult result;
    result.problems.push_back({path, 0, 0, "cannot be read: " + why, {}, {}});
    return result;
  }
  return ParseConfig(text, path, std::filesystem::path(path).parent_path().string());
}

std::vector<ConfigKey> ConfigKeys() {
  std::vector<ConfigKey> keys;
  ListKeys(TopFields(), "", keys);
  return keys;
}

}  // namespace meridian
