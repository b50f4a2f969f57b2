#include "control/config_problems.h"

#include <algorithm>
#include <utility>

#include "control/config_utf8.h"

namespace meridian {
namespace {

constexpr size_t kMaxProblems = 200;
constexpr size_t kMaxExcerpt = 240;
constexpr size_t kMaxQuoted = 80;

// At most `limit` bytes, cut between characters.
std::string_view Clip(std::string_view text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && IsUtf8Continuation(text[limit])) --limit;
  return text.substr(0, limit);
}

std::string Printable(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Utf8Char c = DecodeUtf8(text);
    if (c.valid && (c.code == '\t' || !IsControl(c.code))) {
      out.append(text.substr(0, c.size));
    } else {
      out += '?';
    }
    text.remove_prefix(c.size);
  }
  return out;
}

bool Before(const ConfigProblem& a, const ConfigProblem& b) {
  return std::pair(a.line, a.column) < std::pair(b.line, b.column);
}

// The white space that brings a caret under the column: tabs stay tabs, whatever their width is on the screen.
std::string CaretIndent(std::string_view excerpt, int column) {
  std::string indent;
  for (int i = 1; i < column; ++i) {
    const bool tab = !excerpt.empty() && excerpt.front() == '\t';
    indent += tab ? '\t' : ' ';
    if (!excerpt.empty()) excerpt.remove_prefix(DecodeUtf8(excerpt).size);
  }
  return indent;
}

}  // namespace

TextLines::TextLines(std::string_view text) : text_(text), starts_{0} {
  for (size_t i = 0; i < text.size(); ++i) {
    const bool crlf = text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n';
    if (text[i] == '\n' || (text[i] == '\r' && !crlf)) starts_.push_back(i + 1);
  }
}

std::string_view TextLines::LineAt(size_t index) const {
  const size_t end = index + 1 < starts_.size() ? starts_[index + 1] : text_.size();
  std::string_view line = text_.substr(starts_[index], end - starts_[index]);
  while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
  return line;
}

TextPosition TextLines::PositionAt(size_t offset) const {
  const auto after = std::upper_bound(starts_.begin(), starts_.end(), offset);
  const size_t index = static_cast<size_t>(after - starts_.begin()) - 1;
  const std::string_view before = text_.substr(starts_[index], offset - starts_[index]);
  return {static_cast<int>(index) + 1, static_cast<int>(CountUtf8(before)) + 1};
}

std::string TextLines::ExcerptAt(TextPosition at) const {
  if (at.line < 1 || static_cast<size_t>(at.line) > starts_.size()) return {};
  const std::string_view line = LineAt(static_cast<size_t>(at.line) - 1);
  const std::string excerpt = Printable(Clip(line, kMaxExcerpt));
  const bool cut = line.size() > kMaxExcerpt;
  return cut && static_cast<size_t>(at.column) > CountUtf8(excerpt) ? std::string() : excerpt;
}

ProblemList::ProblemList(std::string file, std::string_view text) : file_(std::move(file)), lines_(text) {}

bool ProblemList::full() const { return problems_.size() == kMaxProblems; }

void ProblemList::Add(TextPosition at, std::string message, std::string suggestion) {
  if (full()) {
    overflowed_ = true;
    return;
  }
  problems_.push_back({file_, at.line, at.column, std::move(message), std::move(suggestion), lines_.ExcerptAt(at)});
}

std::vector<ConfigProblem> ProblemList::Take() {
  std::stable_sort(problems_.begin(), problems_.end(), Before);
  if (overflowed_) {
    problems_.push_back({file_, 0, 0, "more problems than are listed here", "correct these first", {}});
  }
  return std::exchange(problems_, {});
}

std::string Quoted(std::string_view text) {
  const bool cut = text.size() > kMaxQuoted;
  return "'" + Printable(Clip(text, kMaxQuoted)) + (cut ? "…'" : "'");
}

std::string FormatProblem(const ConfigProblem& problem) {
  std::string out = problem.file;
  if (problem.line > 0) out += ":" + std::to_string(problem.line);
  if (problem.line > 0 && problem.column > 0) out += ":" + std::to_string(problem.column);
  out += ": error: " + problem.message;
  if (!problem.suggestion.empty()) out += "; " + problem.suggestion;
  out += '\n';
  if (problem.excerpt.empty()) return out;
  out += problem.excerpt + '\n';
  if (problem.column > 0) out += CaretIndent(problem.excerpt, problem.column) + "^\n";
  return out;
}

}  // namespace meridian
