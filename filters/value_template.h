// The value of a header field with placeholders: "{client_address}", "{scheme}://{host}{path}".
//
// {client_address} {request_id} {edge}, and of what the client asked for {scheme} {host} {method} {path} (without
// query) {query} (with its '?', or nothing). A brace that opens no known placeholder is a text like any other if no
// lower-case word stands between it and '}', so that JSON in a value needs no escapes. Immutable, any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "meridian/filter.h"

namespace meridian {

class ValueTemplate {
 public:
  // REQUIRES: Check(text) is empty.
  explicit ValueTemplate(std::string_view text);
  // Why `text` cannot be a value, or empty: an unknown placeholder, or what no field value may hold (RFC 9110 §5.5).
  static std::string Check(std::string_view text);

  // A view of this template if it has no placeholder, else of the arena.
  std::string_view Render(const StreamContext& context, Arena& arena) const;

 private:
  struct Piece {
    std::string text;  // a literal, or the word between the braces
    bool placeholder = false;
    std::string_view (*value)(const StreamContext&) = nullptr;  // of a placeholder; null: an unknown one
  };
  static std::vector<Piece> Parse(std::string_view text);
  std::vector<Piece> pieces_;
};

}  // namespace meridian
