// Routes that answer by themselves: a maintenance page, robots.txt, 410 for what is gone.
#pragma once

#include "meridian/filter.h"
#include "meridian/route_rules.h"

namespace meridian {

class FixedReply final : public Filter {
 public:
  explicit FixedReply(ReplyRule rule) : rule_(std::move(rule)) {}
  std::string_view name() const override { return "reply"; }
  std::optional<LocalReply> OnRequest(RequestHead&, StreamContext&) const override {
    return LocalReply{.status = rule_.status, .content_type = rule_.content_type, .body = rule_.body};
  }

 private:
  const ReplyRule rule_;
};

}  // namespace meridian
