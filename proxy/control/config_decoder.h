// Tables that say what keys a section of the configuration has, and one function that reads a section by its table.
//
// A table entry knows the key, how its value is read and checked into the field, and how the key is documented. The
// same tables read the file, suggest keys for misspelt ones, and list all keys for conf/README.md. Defaults are those
// of the C++ structs: they stand in one place. Control thread.
#pragma once

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "control/config_problems.h"
#include "control/config_values.h"
#include "control/yaml_document.h"
#include "policy/canonical_path.h"

namespace meridian {

// Names of one kind (regions, services, routes), in the order of the file.
class NameIndex {
 public:
  explicit NameIndex(std::string kind) : kind_(std::move(kind)) {}

  // Gives `name` the next index whether it is good or not: what refers to it is then not reported as well.
  void Add(const std::string& name, TextPosition at, ProblemList& problems);
  // Reports a name that is not there, with the nearest one; not if there are none at all, which is one problem, not
  // many.
  std::optional<uint16_t> Resolve(const std::string& name, TextPosition at, ProblemList& problems) const;

 private:
  std::string kind_;
  std::vector<std::string> names_;
  std::unordered_map<std::string, uint16_t> exact_;
  std::unordered_map<std::string, int> lines_;  // by lower-case name: names that differ in case alone confuse people
};

// What reading a configuration knows beside the place where a value goes.
struct Decoder {
  ProblemList& problems;
  std::string base_dir;  // of relative paths
  NameIndex regions{"region"};
  NameIndex services{"service"};
  NameIndex routes{"route"};
  PathPolicy paths = PathPolicy::kNormalize;  // of the requests that routes will see
};

struct ConfigKey {
  std::string path;      // "services.<name>.health.interval"
  std::string type;      // "duration"
  std::string range;     // "50ms … 1h", or empty
  std::string standard;  // the default; "required" for keys that must be there, empty: none
};

// A value and the key it stands under.
struct Entry {
  const YamlKey& key;
  const YamlNode& value;
};

template <class T>
struct Field {
  std::string key;
  std::string type, range, standard;  // as in ConfigKey
  bool required = false;
  std::function<void(const Entry&, Decoder&, T&)> decode;
  std::function<void(const std::string& path, std::vector<ConfigKey>&)> list;  // keys below; may be null
};
template <class T>
using Fields = std::vector<Field<T>>;

// The one of `candidates` that `word` may be a slip for, or null.
const std::string* Nearest(std::string_view word, const std::vector<std::string>& candidates);
// "did you mean 'x'?", or empty for null.
std::string DidYouMean(const std::string* nearest);
// Returns the known keys that the unknown ones were probably meant to be: they are not missing as well.
std::vector<std::string> ReportUnknownKeys(const YamlNode& map, const std::string& what,
                                           const std::vector<std::string>& known, Decoder& d);

// False, and a problem, if `value` is of another kind. `what` names it in the message.
bool ExpectMap(const YamlNode& value, TextPosition at, const std::string& what, Decoder& d);
bool ExpectList(const Entry& entry, Decoder& d);
// The values of a key that takes one value or a list of them.
std::span<const YamlNode> OneOrMore(const YamlNode& value);
// One value, no control characters in it.
bool ExpectText(const Entry& entry, Decoder& d);
// And not in quotes, since "8" is text and 8 a number. `type` is "a whole number".
bool ExpectPlain(const Entry& entry, const char* type, Decoder& d);
// Takes a complaint from config_values.h about the value: false, and a problem, if there is one.
bool Accept(const Entry& entry, const std::string& complaint, Decoder& d);
// "'attempts' must be within 1 … 8, but is 9".
void ReportRange(const Entry& entry, const std::string& range, Decoder& d);
// Against `base_dir`, and readable. Reports and returns nullopt if it is not.
std::optional<std::string> DecodeReadableFile(const Entry& entry, Decoder& d);

void DecodeBool(const Entry& entry, Decoder& d, bool* out);
void DecodeStatuses(const Entry& entry, int least, Decoder& d, StatusSet* out);
// One of `words`: its index.
std::optional<size_t> DecodeWord(const Entry& entry, const std::vector<std::string>& words, Decoder& d);

std::string RangeText(const std::string& least, const std::string& most);

// Reads a map in the order of the table (a table can thus rely on what an earlier key left), reporting unknown and
// missing keys. `at`: where to report a missing one.
template <class T>
void DecodeSection(const YamlNode& map, TextPosition at, const std::string& what, const Fields<T>& fields, Decoder& d,
                   T& out) {
  if (!ExpectMap(map, at, what, d)) return;
  std::vector<std::string> known;
  for (const Field<T>& field : fields) known.push_back(field.key);
  const std::vector<std::string> meant = ReportUnknownKeys(map, what, known, d);
  for (const Field<T>& field : fields) {
    if (const std::optional<size_t> i = map.IndexOf(field.key)) {
      field.decode({map.keys[*i], map.items[*i]}, d, out);
    } else if (field.required && std::find(meant.begin(), meant.end(), field.key) == meant.end()) {
      d.problems.Add(at, what + " has no '" + field.key + "'");
    }
  }
}

template <class T>
void ListKeys(const Fields<T>& fields, const std::string& path, std::vector<ConfigKey>& out) {
  for (const Field<T>& field : fields) {
    const std::string full = path.empty() ? field.key : path + "." + field.key;
    out.push_back({full, field.type, field.range, field.required ? "required" : field.standard});
    if (field.list) field.list(full, out);
  }
}

// The makers of table entries. `member` is what std::invoke takes: a pointer to a member, or a function from T& to a
// reference. The default is what the member of a fresh T holds.

// How a kind of number stands in the file. `parse` returns a complaint or nothing, as in config_values.h.
template <class V>
struct NumberKind {
  const char* type;
  bool (*expect)(const Entry&, Decoder&);
  std::string (*parse)(std::string_view, V*);
  std::string (*format)(V);
};

template <class V, class T, class Member>
Field<T> NumberField(std::string key, Member member, V least, V most, const NumberKind<V>& kind) {
  T fresh{};
  const std::string range = RangeText(kind.format(least), kind.format(most));
  return {std::move(key),
          kind.type,
          range,
          kind.format(static_cast<V>(std::invoke(member, fresh))),
          false,
          [=](const Entry& entry, Decoder& d, T& out) {
            V value{};
            if (!kind.expect(entry, d) || !Accept(entry, kind.parse(entry.value.text, &value), d)) return;
            if (value < least || value > most) return ReportRange(entry, range, d);
            auto& target = std::invoke(member, out);
            target = static_cast<std::decay_t<decltype(target)>>(value);
          },
          nullptr};
}

template <class T, class Member>
Field<T> IntegerField(std::string key, Member member, int64_t least, int64_t most) {
  const auto whole = [](const Entry& entry, Decoder& d) { return ExpectPlain(entry, "a whole number", d); };
  const auto format = [](int64_t value) { return std::to_string(value); };
  return NumberField<int64_t, T>(std::move(key), member, least, most, {"integer", whole, ParseInteger, format});
}

template <class T, class Member>
Field<T> DurationField(std::string key, Member member, Duration least, Duration most) {
  return NumberField<Duration, T>(std::move(key), member, least, most,
                                  {"duration", ExpectText, ParseDuration, FormatDuration});
}

template <class T, class Member>
Field<T> SizeField(std::string key, Member member, uint64_t least, uint64_t most) {
  return NumberField<uint64_t, T>(std::move(key), member, least, most, {"size", ExpectText, ParseSize, FormatSize});
}

template <class T, class Member>
Field<T> BoolField(std::string key, Member member) {
  T fresh{};
  return {std::move(key),
          "boolean",
          "",
          std::invoke(member, fresh) ? "true" : "false",
          false,
          [=](const Entry& entry, Decoder& d, T& out) { DecodeBool(entry, d, &std::invoke(member, out)); },
          nullptr};
}

// `check` returns a complaint or nothing, as in config_values.h.
template <class T, class Member>
Field<T> TextField(std::string key, Member member, std::string type,
                   std::function<std::string(std::string_view)> check) {
  T fresh{};
  return {std::move(key),
          std::move(type),
          "",
          std::invoke(member, fresh),
          false,
          [=, check = std::move(check)](const Entry& entry, Decoder& d, T& out) {
            if (!ExpectText(entry, d) || !Accept(entry, check(entry.value.text), d)) return;
            std::invoke(member, out) = entry.value.text;
          },
          nullptr};
}

template <class T, class Member>
Field<T> StatusesField(std::string key, Member member, int least) {
  T fresh{};
  return {std::move(key),
          "statuses",
          RangeText(std::to_string(least), std::to_string(StatusSet::kMax)),
          "[" + std::invoke(member, fresh).ToString() + "]",
          false,
          [=](const Entry& entry, Decoder& d, T& out) { DecodeStatuses(entry, least, d, &std::invoke(member, out)); },
          nullptr};
}

template <class T>
Field<T> CustomField(std::string key, std::string type, std::string range, std::string standard,
                     std::function<void(const Entry&, Decoder&, T&)> decode) {
  return {std::move(key), std::move(type), std::move(range), std::move(standard), false, std::move(decode), nullptr};
}

// A map read by a table of its own. `fields` outlives the entry.
template <class T, class Member, class S>
Field<T> SectionField(const std::string& key, Member member, const Fields<S>& fields) {
  return {key,
          "map",
          "",
          "",
          false,
          [=, &fields](const Entry& entry, Decoder& d, T& out) {
            DecodeSection<S>(entry.value, entry.key.at, "'" + key + "'", fields, d, std::invoke(member, out));
          },
          [&fields](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(fields, path, out); }};
}

template <class T>
Field<T> Required(Field<T> field) {
  field.required = true;
  return field;
}

}  // namespace meridian
