#include "control/text_pattern.h"

#include <re2/re2.h>

#include <algorithm>

namespace meridian {
namespace {

constexpr int64_t kMaxMemory = 1 << 20;
constexpr int kRangeLength = 32;

re2::StringPiece Piece(std::string_view text) { return {text.data(), text.size()}; }

RE2::Options Options() {
  RE2::Options options(RE2::Latin1);  // header fields are bytes
  options.set_log_errors(false);
  options.set_max_mem(kMaxMemory);
  options.set_dot_nl(true);
  options.set_never_capture(true);
  return options;
}

class Re2Pattern final : public TextPattern {
 public:
  explicit Re2Pattern(std::string_view text) : expression_(Piece(text), Options()) {
    has_range_ = expression_.ok() && expression_.PossibleMatchRange(&range_.least, &range_.most, kRangeLength);
  }
  bool MatchesWhole(std::string_view text) const override { return RE2::FullMatch(Piece(text), expression_); }
  const TextRange* range() const override { return has_range_ ? &range_ : nullptr; }
  size_t StepsPerByte() const override { return static_cast<size_t>(std::max(expression_.ProgramSize(), 1)); }
  std::string Complaint() const { return expression_.ok() ? std::string() : expression_.error(); }

 private:
  const RE2 expression_;
  TextRange range_;
  bool has_range_ = false;
};

}  // namespace

std::shared_ptr<const TextPattern> CompilePattern(std::string_view text, std::string* complaint) {
  if (text.size() > kMaxPatternLength) {
    *complaint = "is longer than " + std::to_string(kMaxPatternLength) + " bytes";
    return nullptr;
  }
  auto pattern = std::make_shared<const Re2Pattern>(text);
  if (std::string error = pattern->Complaint(); !error.empty()) {
    *complaint = "is no regular expression: " + error;
    return nullptr;
  }
  return pattern;
}

}  // namespace meridian
