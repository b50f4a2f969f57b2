// `match` of a route: host, path, method, scheme, header fields, cookies, query parameters.
#include <algorithm>

#include "control/config_sections.h"
#include "control/never_fits.h"
#include "control/text_pattern.h"
#include "http/header_rules.h"

namespace meridian {
namespace {

constexpr size_t kMaxMethods = 16;
constexpr size_t kMaxConditions = 16;  // on fields, as many on cookies, as many on parameters
constexpr size_t kMaxText = 1024;

using Kind = TextCondition::Kind;

std::string CheckMethodName(std::string_view text) {
  if (!IsToken(text)) return "must be a method such as GET";
  // RFC 9110 §9.1: case-sensitive, and the standard ones are upper-case: "get" would match nothing.
  if (std::any_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; })) {
    return "must be in capitals, as methods are: GET";
  }
  if (CheckMethod(text) != 0) return "is no method that travels: capitals, digits, '-' and '_', at most 32";
  if (text == "CONNECT") return "must not be CONNECT: the only tunnels are WebSockets, which are GET";
  return {};
}

void DecodeMethods(const Entry& entry, Decoder& d, RouteDraft& out) {
  const std::span<const YamlNode> values = OneOrMore(entry.value);
  if (values.empty()) d.problems.Add(entry.value.at, "'methods' is empty: it would match no request");
  if (values.size() > kMaxMethods) return d.problems.Add(entry.value.at, "'methods' names more than 16");
  for (const YamlNode& value : values) {
    const Entry item{entry.key, value};
    if (ExpectText(item, d) && Accept(item, CheckMethodName(item.value.text), d)) {
      out.conditions.methods.push_back(item.value.text);
    }
  }
}

void DecodePattern(const Entry& entry, Decoder& d, std::string* source, std::shared_ptr<const TextPattern>* pattern) {
  std::string complaint;
  if (!ExpectText(entry, d)) return;
  *source = entry.value.text;
  *pattern = CompilePattern(entry.value.text, &complaint);
  Accept(entry, complaint, d);
}

// --- conditions on one field or parameter

std::string CheckLength(std::string_view text) {
  return text.size() > kMaxText ? "must not be longer than " + std::to_string(kMaxText) + " bytes" : std::string();
}

Field<TextCondition> TextTest(const char* key, Kind kind) {
  return CustomField<TextCondition>(key, "text", "", "", [kind](const Entry& entry, Decoder& d, TextCondition& out) {
    if (!ExpectText(entry, d) || !Accept(entry, CheckLength(entry.value.text), d)) return;
    out.kind = kind;
    out.text = entry.value.text;
  });
}

const Fields<TextCondition>& TestFields() {
  static const Fields<TextCondition> fields = {
      TextTest("exact", Kind::kExact),
      TextTest("prefix", Kind::kPrefix),
      CustomField<TextCondition>("regex", "expression", "", "",
                                 [](const Entry& entry, Decoder& d, TextCondition& out) {
                                   out.kind = Kind::kPattern;
                                   DecodePattern(entry, d, &out.text, &out.pattern);
                                 }),
      CustomField<TextCondition>("present", "boolean", "", "",
                                 [](const Entry& entry, Decoder& d, TextCondition& out) {
                                   bool present = true;
                                   DecodeBool(entry, d, &present);
                                   out.kind = present ? Kind::kPresent : Kind::kAbsent;
                                 }),
  };
  return fields;
}

// False, and a problem, if there is one.
bool Complain(const NeverFits& never, const std::string& name, TextPosition at, Decoder& d) {
  if (never.why.empty()) return true;
  d.problems.Add(at, Quoted(name) + " " + never.why, never.cure);
  return false;
}

void DecodeCondition(const Entry& entry, Decoder& d, TextCondition& out) {
  if (entry.value.kind != YamlNode::Kind::kMap) return TextTest("", Kind::kExact).decode(entry, d, out);
  DecodeSection(entry.value, entry.key.at, Quoted(entry.key.text), TestFields(), d, out);
  if (entry.value.keys.size() == 1) return;
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " needs one of 'exact', 'prefix', 'regex' and 'present'");
}

std::string CheckFieldName(const std::string& name) {
  if (!IsToken(name)) return "is no name of a header field";
  if (IdentifyHeader(name) == HeaderId::kHost) return "is matched by 'host'";
  if (IsOfConnection(IdentifyHeader(name))) return "belongs to the connection: routes do not see it";
  return {};
}

// Of a condition: it may stand behind the kind of its test.
TextPosition PlaceOfText(const YamlNode& value) {
  return value.kind == YamlNode::Kind::kMap && !value.items.empty() ? value.items.front().at : value.at;
}

std::string CheckName(const TextCondition& condition, ConditionOn on) {
  return on == ConditionOn::kField ? CheckFieldName(condition.name) : CheckLength(condition.name);
}

using Conditions = std::vector<TextCondition> RouteConditions::*;

Field<RouteDraft> ConditionsField(const char* key, const char* type, Conditions member, ConditionOn on) {
  Field<RouteDraft> field =
      CustomField<RouteDraft>(key, type, "", "", [=](const Entry& entry, Decoder& d, RouteDraft& out) {
        if (!ExpectMap(entry.value, entry.key.at, Quoted(entry.key.text), d)) return;
        if (entry.value.keys.size() > kMaxConditions) {
          return d.problems.Add(entry.key.at, Quoted(entry.key.text) + " has more than 16 entries");
        }
        for (size_t i = 0; i < entry.value.keys.size(); ++i) {
          const Entry item{entry.value.keys[i], entry.value.items[i]};
          TextCondition condition;
          condition.name = on == ConditionOn::kField ? Lower(item.key.text) : item.key.text;
          const std::string complaint = CheckName(condition, on);
          if (!complaint.empty()) d.problems.Add(item.key.at, Quoted(item.key.text) + " " + complaint);
          if (on == ConditionOn::kCookie) Complain(CheckCookieName(condition.name), condition.name, item.key.at, d);
          const size_t problems = d.problems.size();
          DecodeCondition(item, d, condition);
          if (d.problems.size() == problems) {
            Complain(CheckCondition(condition, on), item.key.text, PlaceOfText(item.value), d);
          }
          (out.conditions.*member).push_back(std::move(condition));
        }
      });
  field.list = [](const std::string& path, std::vector<ConfigKey>& out) {
    ListKeys(TestFields(), path + ".<name>", out);
  };
  return field;
}

// --- match

const Fields<RouteDraft>& MatchFields() {
  using R = RouteDraft;
  static const Fields<R> fields = [] {
    const auto host_of = [](R& draft) -> std::string& { return draft.model.host; };
    const auto path_of = [](R& draft) -> std::string& { return draft.model.path; };
    Field<R> host = TextField<R>("host", host_of, "host or *.suffix", CheckHostPattern);
    host.standard = "any";
    Field<R> path = TextField<R>("path", path_of, "path", [](std::string_view text) { return CheckPath(text, false); });
    path.standard = "any";
    return Fields<R>{
        std::move(host),
        std::move(path),
        BoolField<R>("exact", [](R& draft) -> bool& { return draft.model.path_exact; }),
        CustomField<R>("path_regex", "expression", "", "",
                       [](const Entry& entry, Decoder& d, R& out) {
                         DecodePattern(entry, d, &out.model.path, &out.model.path_pattern);
                         if (!Accept(entry, out.model.path.empty() ? "must not be empty: no path is" : "", d)) return;
                         if (!out.model.path_pattern) return;
                         Complain(CheckPathPattern(*out.model.path_pattern, out.model.path, d.paths), entry.key.text,
                                  entry.value.at, d);
                       }),
        CustomField<R>("methods", "method or list", "", "any", DecodeMethods),
        CustomField<R>("scheme", "http or https", "", "any",
                       [](const Entry& entry, Decoder& d, R& out) {
                         if (DecodeWord(entry, {"http", "https"}, d)) out.conditions.scheme = entry.value.text;
                       }),
        ConditionsField("headers", "map of field: text or test", &RouteConditions::headers, ConditionOn::kField),
        ConditionsField("cookies", "map of cookie: text or test", &RouteConditions::cookies, ConditionOn::kCookie),
        ConditionsField("query", "map of parameter: text or test", &RouteConditions::query, ConditionOn::kParameter),
    };
  }();
  return fields;
}

// Requests are matched by the one spelling of their path, so that another would match none.
void TakeSpelling(const Entry& match, Decoder& d, std::string* path) {
  if (path->empty()) return;  // it has its problem already
  std::string cure;
  std::string spelt = SpellPath(*path, d.paths, &cure);
  if (spelt.empty()) {
    d.problems.Add(match.value.ValuePlace("path"), "'path' is not spelled as paths are when they are matched", cure);
  } else {
    *path = std::move(spelt);
  }
}

void DecodeMatch(const Entry& entry, Decoder& d, RouteDraft& out) {
  const size_t problems = d.problems.size();
  RouteModel& route = out.model;
  DecodeSection(entry.value, entry.key.at, "'match'", MatchFields(), d, out);
  route.host = Lower(route.host);
  const bool path = entry.value.Find("path") != nullptr;
  if (path && entry.value.Find("path_regex")) {
    d.problems.Add(entry.value.KeyPlace("path_regex"), "a match has 'path' or 'path_regex', not both");
  } else if (path) {
    TakeSpelling(entry, d, &route.path);
  }
  if (route.path_exact && !path) {
    d.problems.Add(entry.value.ValuePlace("exact"), "'exact' needs a 'path' to be exact about");
  }
  out.match_known = d.problems.size() == problems;
}

void Describe(const std::vector<TextCondition>& conditions, std::string* out) {
  std::vector<std::string> texts;
  for (const TextCondition& c : conditions) {
    std::string text = c.name + '\0' + static_cast<char>('a' + static_cast<int>(c.kind)) + c.text + '\0';
    texts.push_back(std::move(text));
  }
  std::sort(texts.begin(), texts.end());
  for (const std::string& text : texts) *out += text;
  *out += '\n';
}

}  // namespace

Field<RouteDraft> MatchField() {
  Field<RouteDraft> match = CustomField<RouteDraft>("match", "map", "", "everything", DecodeMatch);
  match.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(MatchFields(), path, out); };
  return match;
}

std::string DescribeMatch(const RouteDraft& route) {
  const RouteModel& model = route.model;
  std::string text = model.host + '\n' + (model.path_exact ? 'e' : model.path_pattern ? 'r' : 'p') + model.path + '\n';
  std::vector<std::string> methods = route.conditions.methods;
  std::sort(methods.begin(), methods.end());
  for (const std::string& method : methods) text += method + ' ';
  text += '\n' + route.conditions.scheme + '\n';
  Describe(route.conditions.headers, &text);
  Describe(route.conditions.cookies, &text);
  Describe(route.conditions.query, &text);
  return text;
}

}  // namespace meridian
