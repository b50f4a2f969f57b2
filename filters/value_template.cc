#include "filters/value_template.h"

#include <algorithm>
#include <cstddef>
#include <iterator>

namespace meridian {
namespace {

std::string_view Path(const StreamContext& c) { return c.target.substr(0, c.target.find('?')); }

struct Placeholder {
  std::string_view name;
  std::string_view (*value)(const StreamContext&);
};
constexpr Placeholder kPlaceholders[] = {
    {"client_address", [](const StreamContext& c) { return c.client_address; }},
    {"request_id", [](const StreamContext& c) { return c.request_id; }},
    {"edge", [](const StreamContext& c) { return c.edge_name; }},
    {"scheme", [](const StreamContext& c) { return c.scheme; }},
    {"host", [](const StreamContext& c) { return c.authority; }},
    {"method", [](const StreamContext& c) { return c.method_text; }},
    {"path", Path},
    {"query", [](const StreamContext& c) { return c.target.substr(Path(c).size()); }},
};

bool IsWord(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
}

}  // namespace

std::vector<ValueTemplate::Piece> ValueTemplate::Parse(std::string_view text) {
  std::vector<Piece> pieces;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) pieces.push_back({std::move(literal), false, nullptr});
    literal.clear();
  };
  while (!text.empty()) {
    const size_t close = text.front() == '{' ? text.find('}') : std::string_view::npos;
    const std::string_view word = close == std::string_view::npos ? std::string_view() : text.substr(1, close - 1);
    if (!IsWord(word)) {
      literal += text.front();
      text.remove_prefix(1);
      continue;
    }
    end_literal();
    const auto* const found = std::find_if(std::begin(kPlaceholders), std::end(kPlaceholders),
                                           [word](const Placeholder& p) { return p.name == word; });
    pieces.push_back({std::string(word), true, found == std::end(kPlaceholders) ? nullptr : found->value});
    text.remove_prefix(close + 1);
  }
  end_literal();
  return pieces;
}

ValueTemplate::ValueTemplate(std::string_view text) : pieces_(Parse(text)) {}

std::string ValueTemplate::Check(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  if (!text.empty() && (blank(text.front()) || blank(text.back()))) return "must not begin or end with a blank";
  for (const char c : text) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7F) return "must not hold control characters";
  }
  for (const Piece& piece : Parse(text)) {
    if (!piece.placeholder || piece.value) continue;
    std::string all;
    for (const Placeholder& p : kPlaceholders) all += (all.empty() ? "{" : ", {") + std::string(p.name) + "}";
    return "has an unknown placeholder {" + piece.text + "}; known are " + all;
  }
  return {};
}

std::string_view ValueTemplate::Render(const StreamContext& context, Arena& arena) const {
  if (pieces_.size() == 1 && !pieces_[0].placeholder) return pieces_[0].text;
  return arena.Gather([&](const auto& put) {
    for (const Piece& piece : pieces_) put(piece.value ? piece.value(context) : std::string_view(piece.text));
  });
}

}  // namespace meridian
