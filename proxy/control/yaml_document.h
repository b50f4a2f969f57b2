// A YAML text as a tree of plain values that remember where they stood; a thin layer over libfyaml (only includer).
//
// Stricter than YAML: one document, no directives, anchors, aliases or tags, keys are scalars and unique, depth and
// size bounded. So a configuration has one reading, and no text can grow when it is read. Control thread; prints
// nothing, ever.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/config_problems.h"

namespace meridian {

struct YamlKey {
  std::string text;
  TextPosition at;
};

struct YamlNode {
  enum class Kind { kScalar, kList, kMap };

  Kind kind = Kind::kScalar;
  TextPosition at;
  std::string text;           // of a scalar, escapes resolved
  bool plain = true;          // a scalar without quotes
  std::vector<YamlKey> keys;  // of a map, in the order of the text
  // Of a list; or of a map, one per key.
  std::vector<YamlNode> items;

  // A scalar that is absent, `~` or `null`.
  bool IsNull() const;
  // Where `key` stands among `keys` and `items`, if it does.
  std::optional<size_t> IndexOf(std::string_view key) const;
  // What stands under `key`, or null.
  const YamlNode* Find(std::string_view key) const;
  // Where `key` and what is under it begin, for messages; where this node begins if it has no such key.
  TextPosition KeyPlace(std::string_view key) const;
  TextPosition ValuePlace(std::string_view key) const;
  // "a list", for messages.
  const char* KindName() const;
};

inline constexpr size_t kMaxYamlBytes = size_t{4} * 1024 * 1024;
inline constexpr size_t kMaxYamlDepth = 32;

// nullopt: unreadable, and why is in `problems`. Problems that leave the rest readable (a duplicate key) come beside a
// document. An empty text is an empty map. `problems` must have been made for the same `text`.
std::optional<YamlNode> ParseYaml(std::string_view text, ProblemList& problems);

}  // namespace meridian
