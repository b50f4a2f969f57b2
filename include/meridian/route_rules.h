// What a route may do with its requests beside sending them somewhere: plain values, as configured and checked. The
// filters of the same names carry them out.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace meridian {

// Changes of header fields. Names are lower case; values may hold placeholders (filters/value_template.h). No name
// stands in more than one of the lists.
struct HeaderEdits {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  Fields set;  // instead of whatever is there
  Fields add;  // one more
  std::vector<std::string> remove;
  bool empty() const { return set.empty() && add.empty() && remove.empty(); }
};

// Which target a request gets instead of its own. At most one of `path` and `prefix` is set.
struct TargetRule {
  std::string host;    // host[:port]; empty: the request's
  std::string path;    // instead of the whole path; empty: the request's
  std::string prefix;  // instead of the part of the path that the route matched
  bool empty() const { return host.empty() && path.empty() && prefix.empty(); }
};

struct RedirectRule {
  std::string scheme;  // "http", "https"; empty: that of the request
  int port = 0;        // 0: that of `host`; without one, of the request unless the scheme changes
  TargetRule target;
  int status = 307;  // 301, 302, 303, 307, 308
};

struct ReplyRule {
  int status = 200;  // 200 … 599
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct RouteRules {
  TargetRule rewrite;
  HeaderEdits request_headers, response_headers;
  // A route with one of these has no origins.
  std::optional<RedirectRule> redirect;
  std::optional<ReplyRule> reply;
};

}  // namespace meridian
