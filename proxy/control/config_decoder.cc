#include "control/config_decoder.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>

namespace meridian {
namespace {

// Insertions, deletions, replacements and swaps of neighbours, case ignored.
size_t EditDistance(const std::string& a, const std::string& b) {
  std::vector<size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    before.swap(last);
    last.swap(now);
  }
  return last[b.size()];
}

// How far `word` is from `candidate`, if it may be a slip for it: a third of the letters, or the rest left out.
std::optional<size_t> Nearness(const std::string& word, const std::string& candidate) {
  const size_t distance = EditDistance(word, candidate);
  if (distance <= std::max<size_t>(1, std::max(word.size(), candidate.size()) / 3)) return distance;
  const bool begins = word.size() >= 3 && candidate.compare(0, word.size(), word) == 0;
  return begins ? std::optional(distance) : std::nullopt;
}

void ReportKind(const YamlNode& value, TextPosition at, const std::string& what, const char* wanted, Decoder& d) {
  const bool map_left_empty = value.IsNull() && std::string_view(wanted) == "a map";
  d.problems.Add(at, what + " must be " + wanted + ", but is " + value.KindName(),
                 map_left_empty ? "write {} for the defaults" : "");
}

}  // namespace

void NameIndex::Add(const std::string& name, TextPosition at, ProblemList& problems) {
  if (const std::string error = CheckName(name); !error.empty()) {
    problems.Add(at, "the name of a " + kind_ + " " + error);
  } else if (const auto [first, fresh] = lines_.emplace(Lower(name), at.line); !fresh) {
    problems.Add(at, "a second " + kind_ + " " + Quoted(name),
                 "the first one is on line " + std::to_string(first->second));
  }
  exact_.emplace(name, static_cast<uint16_t>(names_.size()));
  names_.push_back(name);
}

std::optional<uint16_t> NameIndex::Resolve(const std::string& name, TextPosition at, ProblemList& problems) const {
  const auto found = exact_.find(name);
  if (found != exact_.end()) return found->second;
  if (names_.empty()) return std::nullopt;
  problems.Add(at, "unknown " + kind_ + " " + Quoted(name), problems.full() ? "" : DidYouMean(Nearest(name, names_)));
  return std::nullopt;
}

const std::string* Nearest(std::string_view word, const std::vector<std::string>& candidates) {
  // No name is longer; a hostile one would make the table of distances large.
  constexpr size_t kLongest = 64;
  const std::string* best = nullptr;
  size_t best_distance = 0;
  if (word.size() > kLongest) return nullptr;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > kLongest) continue;
    const std::optional<size_t> distance = Nearness(Lower(word), Lower(candidate));
    if (!distance || (best != nullptr && *distance >= best_distance)) continue;
    best = &candidate;
    best_distance = *distance;
  }
  return best;
}

std::string DidYouMean(const std::string* nearest) {
  return nearest == nullptr ? std::string() : "did you mean " + Quoted(*nearest) + "?";
}

std::vector<std::string> ReportUnknownKeys(const YamlNode& map, const std::string& what,
                                           const std::vector<std::string>& known, Decoder& d) {
  std::vector<std::string> meant;
  for (const YamlKey& key : map.keys) {
    if (std::find(known.begin(), known.end(), key.text) != known.end()) continue;
    const std::string* nearest = d.problems.full() ? nullptr : Nearest(key.text, known);
    if (nearest != nullptr) meant.push_back(*nearest);
    d.problems.Add(key.at, "unknown key " + Quoted(key.text) + " in " + what, DidYouMean(nearest));
  }
  return meant;
}

bool ExpectMap(const YamlNode& value, TextPosition at, const std::string& what, Decoder& d) {
  if (value.kind == YamlNode::Kind::kMap) return true;
  ReportKind(value, at, what, "a map", d);
  return false;
}

bool ExpectList(const Entry& entry, Decoder& d) {
  if (entry.value.kind == YamlNode::Kind::kList) return true;
  ReportKind(entry.value, entry.value.at, Quoted(entry.key.text), "a list", d);
  return false;
}

std::span<const YamlNode> OneOrMore(const YamlNode& value) {
  if (value.kind == YamlNode::Kind::kList) return value.items;
  return {&value, 1};
}

bool ExpectText(const Entry& entry, Decoder& d) {
  const bool scalar = entry.value.kind == YamlNode::Kind::kScalar && !entry.value.IsNull();
  if (!scalar) {
    ReportKind(entry.value, entry.value.at, Quoted(entry.key.text), "a single value", d);
    return false;
  }
  // Escapes in double quotes can write what the text itself must not hold, a NUL in a file name for example.
  const bool control = std::any_of(entry.value.text.begin(), entry.value.text.end(),
                                   [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (control) d.problems.Add(entry.value.at, Quoted(entry.key.text) + " must not hold control characters");
  return !control;
}

bool ExpectPlain(const Entry& entry, const char* type, Decoder& d) {
  if (!ExpectText(entry, d)) return false;
  if (entry.value.plain) return true;
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " must be " + type + ", but is text in quotes",
                 "leave out the quotes");
  return false;
}

bool Accept(const Entry& entry, const std::string& complaint, Decoder& d) {
  if (complaint.empty()) return true;
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " " + complaint);
  return false;
}

void ReportRange(const Entry& entry, const std::string& range, Decoder& d) {
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " must be within " + range + ", but is " + entry.value.text);
}

std::optional<std::string> DecodeReadableFile(const Entry& entry, Decoder& d) {
  if (!ExpectText(entry, d)) return std::nullopt;
  std::string path = (std::filesystem::path(d.base_dir) / entry.value.text).string();
  std::error_code error;
  const std::filesystem::file_status found = std::filesystem::status(path, error);
  // Not a pipe, which would be waited for, and no device, which has no end.
  const bool regular = std::filesystem::is_regular_file(found);
  if (regular && access(path.c_str(), R_OK) == 0) return path;
  const std::string why = std::filesystem::is_directory(found)         ? "it is a folder"
                          : std::filesystem::exists(found) && !regular ? "it is no regular file"
                          : error                                      ? error.message()
                                                                       : std::generic_category().message(errno);
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " cannot be read: " + Quoted(path) + ": " + why);
  return std::nullopt;
}

void DecodeBool(const Entry& entry, Decoder& d, bool* out) {
  if (!ExpectPlain(entry, "true or false", d)) return;
  const std::string lower = Lower(entry.value.text);
  const bool yes = lower == "true" || lower == "yes" || lower == "on";
  const bool no = lower == "false" || lower == "no" || lower == "off";
  if (entry.value.text == "true" || entry.value.text == "false") {
    *out = yes;
    return;
  }
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " must be true or false, but is " + Quoted(entry.value.text),
                 yes  ? "write true"
                 : no ? "write false"
                      : "");
}

void DecodeStatuses(const Entry& entry, int least, Decoder& d, StatusSet* out) {
  StatusSet set;
  bool good = true;
  for (const YamlNode& value : OneOrMore(entry.value)) {
    const Entry item{entry.key, value};
    good = ExpectText(item, d) && Accept(item, ParseStatuses(item.value.text, least, &set), d) && good;
  }
  if (good) *out = set;
}

std::optional<size_t> DecodeWord(const Entry& entry, const std::vector<std::string>& words, Decoder& d) {
  if (!ExpectText(entry, d)) return std::nullopt;
  const auto found = std::find(words.begin(), words.end(), entry.value.text);
  if (found != words.end()) return static_cast<size_t>(found - words.begin());
  std::string all;
  for (const std::string& word : words) all += (all.empty() ? "" : " or ") + word;
  d.problems.Add(entry.value.at, Quoted(entry.key.text) + " must be " + all + ", but is " + Quoted(entry.value.text),
                 DidYouMean(Nearest(entry.value.text, words)));
  return std::nullopt;
}

std::string RangeText(const std::string& least, const std::string& most) { return least + " … " + most; }

}  // namespace meridian
