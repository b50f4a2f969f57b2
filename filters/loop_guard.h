// CDN-Loop (RFC 8586): each request is marked with this edge's name, and one that came by too often is refused with
// 508.
//
// Without it two edges, or an edge whose origin name resolves to itself, would pass a request around until something
// runs out. Edges of one name count as one.
#pragma once

#include "meridian/filter.h"

namespace meridian {

class LoopGuard final : public Filter {
 public:
  // `max_hops`: how often one request may pass.
  LoopGuard(const std::string& edge_name, int max_hops);
  std::string_view name() const override { return "loop_guard"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
  void OnRequestTrailers(HeaderBlock& trailers, const StreamContext&) const override {
    trailers.Remove(HeaderId::kCdnLoop);
  }
  // How often `id` stands in the list, in any case, with or without parameters.
  static int Count(std::string_view list, std::string_view id);

 private:
  const std::string id_;  // outlives every request's headers: the filter goes with the model
  const int max_hops_;
};

}  // namespace meridian
