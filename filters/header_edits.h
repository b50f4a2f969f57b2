// Header fields that a route sets, adds or removes: on the way to the origin, and on the way to the client.
//
// Two filters, because each must have the last word on its way: that for requests runs last, that for responses last
// in the reverse order. Answers of Meridian's own (a redirect, a 502) get the response's edits as well, so that what a
// browser needs to read them (CORS, HSTS) is there when an origin is not.
#pragma once

#include "filters/value_template.h"
#include "meridian/filter.h"
#include "meridian/route_rules.h"

namespace meridian {

// REQUIRES of the edits: names that are framing or belong to one connection do not occur, values passed
// ValueTemplate::Check.
class HeaderEditor {
 public:
  explicit HeaderEditor(const HeaderEdits& edits);
  void Apply(HeaderBlock& headers, const StreamContext& context) const;
  // What is removed or set stands nowhere else.
  void Guard(HeaderBlock& trailers) const;

 private:
  struct Edit {
    std::string name;
    HeaderId id = HeaderId::kOther;
    ValueTemplate value;
  };
  static std::vector<Edit> Compile(const HeaderEdits::Fields& fields);
  const std::vector<std::string> remove_;
  const std::vector<Edit> set_, add_;
};

class RequestHeaders final : public Filter {
 public:
  explicit RequestHeaders(const HeaderEdits& edits) : editor_(edits) {}
  std::string_view name() const override { return "request_headers"; }
  std::optional<LocalReply> OnRequest(RequestHead& request, StreamContext& context) const override;
  void OnRequestTrailers(HeaderBlock& trailers, const StreamContext&) const override { editor_.Guard(trailers); }

 private:
  const HeaderEditor editor_;
};

class ResponseHeaders final : public Filter {
 public:
  explicit ResponseHeaders(const HeaderEdits& edits) : editor_(edits) {}
  std::string_view name() const override { return "response_headers"; }
  void OnResponse(ResponseHead& response, StreamContext& context) const override;
  void OnResponseTrailers(HeaderBlock& trailers, const StreamContext&) const override { editor_.Guard(trailers); }
  void OnReply(ResponseHead& reply, StreamContext& context) const override { OnResponse(reply, context); }

 private:
  const HeaderEditor editor_;
};

}  // namespace meridian
