// The part of the exchange that reads a request's head before anything is decided, or refuses it.
#include <fmt/compile.h>
#include <fmt/format.h>

#include "http/header_rules.h"
#include "net/trusted_proxies.h"
#include "policy/canonical_path.h"
#include "policy/route_match.h"
#include "stream/exchange.h"

namespace meridian {

void Exchange::Identify() {
  IdentifyClient();
  stream_context_.edge_name = world_->model->edge_name;
  stream_context_.method = request_.method;
  std::string_view id = request_.headers.Get(HeaderId::kXRequestId);
  if (id.size() > 128 || !IsToken(id)) {
    char* text = static_cast<char*>(arena_.Allocate(32, 1));
    fmt::format_to(text, FMT_COMPILE("{:016x}{:016x}"), context_.Random(), context_.Random());
    id = {text, 32};
  }
  stream_context_.request_id = id;
}

void Exchange::IdentifyClient() {
  const ClientInfo& info = connection_.info();
  stream_context_.client = &info;
  stream_context_.client_address = info.address;
  stream_context_.scheme = info.tls ? "https" : "http";
  const std::vector<Cidr>& trusted = world_->model->trusted_proxies;
  if (trusted.empty()) return;
  const std::optional<Endpoint> peer = ParseIpLiteral(info.address, info.port);
  if (!peer || !Covers(trusted, *peer)) return;
  stream_context_.trusted_peer = true;
  stream_context_.client_address = ClientBehind(info.address, request_.headers, trusted);
  const std::string_view scheme = request_.headers.Get(HeaderId::kXForwardedProto);
  if (scheme == "http" || scheme == "https") stream_context_.scheme = scheme;
}

// Whether there is room for one more. False: it was answered; nothing has been done, so the client may ask again.
bool Exchange::HasMemory() {
  const Overload& memory = context_.memory();
  if (memory.level() == OverloadLevel::kCalm) return true;
  if (memory.RefusesKeepAlive() && connection_.SendAway()) context_.stats().limit_memory_keep_alive.Add();
  if (!memory.RefusesRequest(connection_.active_streams())) return true;
  context_.stats().limit_memory_requests.Add();
  Move(Event::kRefused);
  if (request_.version == HttpVersion::kHttp2) {
    end_ = "overload";
    stream_.Reset(true);
  } else {
    ReplyWithText(503, nullptr);
  }
  return false;
}

// From here on, for routes, filters, the origin and the log, there is one path.
bool Exchange::Normalize() {
  const std::optional<std::string_view> target = CanonicalTarget(request_.path, world_->model->paths, arena_);
  if (target) request_.path = *target;
  return target.has_value();
}

size_t Exchange::DropUnderscored(HeaderBlock& headers) {
  const size_t before = headers.size();
  headers.RemoveIf([](const Header& h) { return h.name.find('_') != std::string_view::npos; });
  context_.stats().limit_underscores.Add(before - headers.size());
  return before - headers.size();
}

// False: it was answered.
bool Exchange::JudgeUnderscores() {
  const Underscores rule = context_.settings().underscores;
  if (rule == Underscores::kPass || DropUnderscored(request_.headers) == 0 || rule == Underscores::kDrop) return true;
  Move(Event::kRefused);
  ReplyWithText(400, nullptr);
  return false;
}

// 0, or the status to refuse the request with.
int Exchange::Match() {
  const std::string_view target = RoutedTarget(request_.path, world_->model->paths, arena_);
  const RouteRequest request{request_.method_text, stream_context_.scheme, request_.authority, target,
                             &request_.headers};
  const int index = MatchRoute(world_->model->routes, world_->route_order, request);
  if (index == kNoRoute) {
    context_.stats().unmatched_requests.Add();
    return 404;
  }
  if (index == kTooCostly) {
    context_.stats().limit_expressions.Add();
    return 431;
  }
  route_ = static_cast<uint16_t>(index);
  routed_ = true;
  context_.route_cells(route_).requests.Add();
  return 0;
}

bool Exchange::AskFilters() {
  stream_context_.authority = request_.authority;
  stream_context_.target = request_.path;
  stream_context_.method_text = request_.method_text;
  for (const auto& filter : route().filters) {
    if (auto reply = filter->OnRequest(request_, stream_context_)) {
      if (reply->status == 508 && reply->refused) context_.stats().limit_hops.Add();
      Move(Event::kRefused);
      // To a client of HTTP/2 it would be the switch (RFC 8441 §5).
      const bool switches = request_.websocket && request_.version == HttpVersion::kHttp2 && reply->status / 100 == 2;
      if (switches || reply->refused) {
        ReplyWithText(switches ? 501 : reply->status, nullptr);
        return false;
      }
      reply_head_.headers = HeaderBlock(&arena_);
      if (!reply->location.empty()) reply_head_.headers.Add("location", reply->location);
      Reply(reply->status, reply->content_type, reply->body);
      return false;
    }
  }
  // The origins' view decides: without the key they cannot know a second request for the first.
  stream_context_.has_idempotency_key = request_.headers.Find(HeaderId::kIdempotencyKey) != nullptr;
  return true;
}

// ---- trailers ------------------------------------------------------------------------------------------------------

void Exchange::OnTrailers(HeaderBlock& trailers) {
  if (!routed_) return;
  if (context_.settings().underscores != Underscores::kPass) DropUnderscored(trailers);
  for (const auto& filter : route().filters) filter->OnRequestTrailers(trailers, stream_context_);
}

void Exchange::OnAttemptTrailers(HeaderBlock& trailers) {
  const auto& filters = route().filters;
  for (auto it = filters.rbegin(); it != filters.rend(); ++it) (*it)->OnResponseTrailers(trailers, stream_context_);
}

}  // namespace meridian
