#include "filters/value_template.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

namespace meridian {
namespace {

constexpr int kUnknown = -2;

// In the order of Names().
std::string_view Value(int placeholder, const StreamContext& context) {
  const size_t query = std::min(context.target.find('?'), context.target.size());
  switch (placeholder) {
    case 0:
      return context.client_address;
    case 1:
      return context.request_id;
    case 2:
      return context.edge_name;
    case 3:
      return context.scheme;
    case 4:
      return context.authority;
    case 5:
      return context.method_text;
    case 6:
      return context.target.substr(0, query);
    default:
      return context.target.substr(query);
  }
}

bool IsWord(std::string_view text) {
  return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string_view::npos;
}

}  // namespace

const std::vector<std::string>& ValueTemplate::Names() {
  static const std::vector<std::string> names = {"client_address", "request_id", "edge", "scheme",
                                                 "host",           "method",     "path", "query"};
  return names;
}

std::vector<ValueTemplate::Piece> ValueTemplate::Parse(std::string_view text) {
  std::vector<Piece> pieces;
  std::string literal;
  const auto end_literal = [&] {
    if (!literal.empty()) pieces.push_back({std::move(literal), -1});
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
    const auto& names = Names();
    const auto found = std::find(names.begin(), names.end(), word);
    const int placeholder = found == names.end() ? kUnknown : static_cast<int>(found - names.begin());
    pieces.push_back({std::string(word), placeholder});
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
    if (piece.placeholder != kUnknown) continue;
    std::string all;
    for (const std::string& name : Names()) all += (all.empty() ? "{" : ", {") + name + "}";
    return "has an unknown placeholder {" + piece.text + "}; known are " + all;
  }
  return {};
}

std::string_view ValueTemplate::Render(const StreamContext& context, Arena& arena) const {
  if (pieces_.empty()) return {};
  if (pieces_.size() == 1 && pieces_[0].placeholder < 0) return pieces_[0].text;
  const auto text_of = [&](const Piece& piece) {
    return piece.placeholder < 0 ? std::string_view(piece.text) : Value(piece.placeholder, context);
  };
  size_t size = 0;
  for (const Piece& piece : pieces_) size += text_of(piece).size();
  if (size == 0) return {};
  char* const out = static_cast<char*>(arena.Allocate(size, 1));
  char* at = out;
  for (const Piece& piece : pieces_) {
    const std::string_view text = text_of(piece);
    if (!text.empty()) std::memcpy(at, text.data(), text.size());
    at += text.size();
  }
  return {out, size};
}

}  // namespace meridian
