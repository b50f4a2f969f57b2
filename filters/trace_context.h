// W3C Trace Context: a valid `traceparent` goes on untouched, together with its `tracestate`.
//
// One that is not valid is removed with its `tracestate`, so that the origin begins a trace of its own, as the
// specification has it for whoever can't read one. None is made up here: Meridian records no spans, and a parent that
// exists nowhere would decide for the origins whether they are sampled.
#pragma once

#include "meridian/filter.h"

namespace meridian {

class TraceContext final : public Filter {
 public:
  static bool IsValid(std::string_view traceparent);

  std::string_view name() const override { return "trace_context"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
  void OnRequestTrailers(HeaderBlock& trailers, const StreamContext&) const override {
    trailers.Remove(HeaderId::kTraceparent);
    trailers.Remove(HeaderId::kTracestate);
  }
};

}  // namespace meridian
