// What a service can promise (policy/failover_objective.h) against what the file wants it to.
#include "control/config_sections.h"
#include "policy/failover_objective.h"

namespace meridian {
namespace {

// The value under "a.b" below `map`, or null.
const YamlNode* Under(const YamlNode& map, std::string_view path) {
  const size_t dot = path.find('.');
  const YamlNode* value = map.Find(path.substr(0, dot));
  return !value || dot == std::string_view::npos ? value : Under(*value, path.substr(dot + 1));
}

// "health.interval (3s)".
std::string FieldText(const std::string& field, const ServiceModel& service) {
  const auto text = [&]() -> std::string {
    if (field == "health.interval") return FormatDuration(service.health.interval);
    if (field == "health.timeout") return FormatDuration(service.health.timeout);
    if (field == "health.recheck") return FormatDuration(service.health.recheck);
    if (field == "health.fall") return std::to_string(service.health.fall);
    if (field == "timeouts.request") return FormatDuration(service.timeouts.request);
    if (service.failover.attempt_timeout > Duration::zero()) return FormatDuration(service.failover.attempt_timeout);
    return "auto";
  };
  return field + " (" + text() + ")";
}

std::string Suggestion(const LeaveTime& time, const ServiceModel& service) {
  if (time.field.empty()) return "no key makes that shorter: raise the objective";
  std::string out = "lower " + FieldText(time.field, service);
  for (const std::string& other : time.also) out += " or " + FieldText(other, service);
  return out;
}

// Several kinds that one key makes too long are one problem, that of the longest.
void CheckService(const YamlNode& node, TextPosition objective_at, const ServiceModel& service, ProblemList& problems) {
  const std::vector<WorstCase> cases = WorstCases(service);
  std::vector<const WorstCase*> late;
  for (const WorstCase& worst : cases) {
    if (worst.promised().time <= service.failover.objective) continue;
    const auto same = std::find_if(late.begin(), late.end(), [&](const WorstCase* other) {
      return other->promised().field == worst.promised().field;
    });
    if (same == late.end()) {
      late.push_back(&worst);
    } else if ((*same)->promised().time < worst.promised().time) {
      *same = &worst;
    }
  }
  for (const WorstCase* worst : late) {
    const LeaveTime& time = worst->promised();
    const YamlNode* field = time.field.empty() ? nullptr : Under(node, time.field);
    problems.Add(field != nullptr ? field->at : objective_at,
                 "service " + Quoted(service.name) + " leaves " + Describe(worst->kind) + " after up to " +
                     SecondsText(time.time) + " (" + time.arithmetic + "), over its objective of " +
                     SecondsText(service.failover.objective),
                 Suggestion(time, service));
  }
}

}  // namespace

void CheckObjectives(const YamlNode& root, ConfigDraft& draft, ProblemList& problems) {
  const YamlNode* common = Under(root, "failover_objective");
  const YamlNode* services = Under(root, "services");
  for (size_t i = 0; i < draft.model.services.size(); ++i) {
    ServiceModel& service = draft.model.services[i];
    const YamlNode* own = Under(services->items[i], "failover.objective");
    if (own == nullptr && common == nullptr) continue;
    const TextPosition at = own != nullptr ? own->at : common->at;
    if (own == nullptr) service.failover.objective = draft.objective;
    if (service.regions.size() < 2) {
      if (own != nullptr) {
        problems.Add(at, "service " + Quoted(service.name) + " has one region and nowhere to go: it can't have an " +
                             "objective");
      }
      service.failover.objective = Duration::zero();
      continue;
    }
    CheckService(services->items[i], at, service, problems);
  }
}

}  // namespace meridian
