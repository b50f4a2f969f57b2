// What is wrong with a configuration text, collected while it is read, and where. Control thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "control/config.h"

namespace meridian {

// Both 1-based; columns count code points, so that a caret stands under the right character. Line 0: the whole file.
struct TextPosition {
  int line = 0;
  int column = 0;
};

// The text cut into lines, for excerpts and positions. REQUIRES: the text outlives it.
class TextLines {
 public:
  explicit TextLines(std::string_view text);
  // Of a byte; one past the end is allowed.
  TextPosition PositionAt(size_t offset) const;
  // Without its line break, fit for a terminal: control characters and broken UTF-8 become '?'. Empty where there is
  // no such line, and where a long line would have to be cut before `at`.
  std::string ExcerptAt(TextPosition at) const;

 private:
  std::string_view LineAt(size_t index) const;

  std::string_view text_;
  std::vector<size_t> starts_;
};

// The problems of one text. Bounded: a hostile file cannot make the list larger than a person would read.
class ProblemList {
 public:
  ProblemList(std::string file, std::string_view text);

  void Add(TextPosition at, std::string message, std::string suggestion = {});
  size_t size() const { return problems_.size(); }
  // What is added from here on is not kept: suggestions for it need not be looked for.
  bool full() const;
  const TextLines& lines() const { return lines_; }
  // In order of line and column. The list is empty after it.
  std::vector<ConfigProblem> Take();

 private:
  std::string file_;
  TextLines lines_;
  std::vector<ConfigProblem> problems_;
  bool overflowed_ = false;
};

// `text` in single quotes for a message: control characters replaced, cut when long.
std::string Quoted(std::string_view text);

}  // namespace meridian
