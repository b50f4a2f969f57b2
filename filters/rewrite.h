// The host and the path that origins see instead of the client's. The access log keeps the client's.
#pragma once

#include <string>

#include "meridian/filter.h"
#include "meridian/route_rules.h"

namespace meridian {

class Rewrite final : public Filter {
 public:
  // `matched`: the route's path.
  Rewrite(TargetRule rule, std::string matched) : rule_(std::move(rule)), matched_(std::move(matched)) {}
  std::string_view name() const override { return "rewrite"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;

 private:
  const TargetRule rule_;
  const std::string matched_;
};

}  // namespace meridian
