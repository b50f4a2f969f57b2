// A request as an origin saw it, whatever version it came in, so that two of them can be compared.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "support/h2_peer.h"
#include "support/logical_request.h"
#include "support/scripted_origin.h"

namespace meridian::testing {

struct SeenRequest {
  std::string method{}, target{}, authority{};
  LogicalRequest::Fields fields{};
  std::string body{};
  LogicalRequest::Fields trailers{};

  static SeenRequest Of(const OriginRequest& request) {
    SeenRequest seen{request.method, request.target, request.headers.Get("host")};
    for (const auto& [name, value] : request.headers) {
      if (name != "host") seen.fields.emplace_back(name, value);
    }
    seen.body = request.body;
    for (const auto& [name, value] : request.trailers) seen.trailers.emplace_back(name, value);
    return seen;
  }
  static SeenRequest Of(const H2Peer::Stream& stream) {
    SeenRequest seen{stream.Field(":method"), stream.Field(":path"), stream.Field(":authority")};
    for (size_t i = 0; i < stream.fields.size(); ++i) {
      const auto& field = stream.fields[i];
      if (!field.first.starts_with(':')) (i < stream.head_fields ? seen.fields : seen.trailers).push_back(field);
    }
    seen.body = stream.body;
    return seen;
  }

  void Remove(std::string_view name) {
    std::erase_if(fields, [&](const auto& field) { return field.first == name; });
  }
  // Several fields of cookies are one (RFC 9113 §8.2.3); one that is split is still the same list.
  void JoinCookies() {
    std::string all;
    for (const auto& [name, value] : fields) {
      if (name == "cookie") all += (all.empty() ? "" : "; ") + value;
    }
    const auto first = std::ranges::find(fields, "cookie", &LogicalRequest::Fields::value_type::first);
    if (first == fields.end()) return;
    first->second = all;
    fields.erase(std::remove_if(first + 1, fields.end(), [](const auto& field) { return field.first == "cookie"; }),
                 fields.end());
  }
  std::string Text() const {
    std::string out = method + " " + target + " of " + authority + "\n";
    for (const auto& [name, value] : fields) out += name + ": " + value + "\n";
    out += std::to_string(body.size()) + " bytes, " + Sha256(body).substr(0, 16) + "\n";
    for (const auto& [name, value] : trailers) out += "+" + name + ": " + value + "\n";
    return Printable(out);
  }
};

}  // namespace meridian::testing
