// Routes that send the client elsewhere.
#pragma once

#include <string>

#include "meridian/filter.h"
#include "meridian/route_rules.h"

namespace meridian {

class Redirect final : public Filter {
 public:
  // `matched`: the route's path.
  Redirect(RedirectRule rule, std::string matched) : rule_(std::move(rule)), matched_(std::move(matched)) {}
  std::string_view name() const override { return "redirect"; }
  // 400 for a request that names no host where one is needed, and for OPTIONS * where only the path changes.
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;

 private:
  std::string_view Location(const RequestHead& request, const StreamContext& context) const;
  const RedirectRule rule_;
  const std::string matched_;
};

}  // namespace meridian
