// What a filter may see and say.
//
// A filter is built once with the snapshot and shared by all streams and workers, so its methods are const. It
// answers with a value and the exchange acts on it; it never blocks, never reads a clock, never calls the chain, and
// never chooses an origin: it writes a Wish, and the plan builder alone decides.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "meridian/error.h"
#include "meridian/message.h"
#include "meridian/time.h"

namespace meridian {

// Facts about the client's connection. Views live as long as the connection.
struct ClientInfo {
  std::string_view address;  // "203.0.113.7" or "2001:db8::1", no port
  uint16_t port = 0;
  uint16_t local_port = 0;
  bool tls = false;
  std::string_view server_name;  // SNI, empty without
  // Its verified certificate as RFC 9440 §2 writes it; empty without one, or if it is not to be told.
  std::string_view certificate = {};
};

// What a filter would like; the plan builder decides.
struct Wish {
  std::optional<uint16_t> arm;       // index into the route's split
  std::optional<uint16_t> region;    // index into the model's regions: first choice if it is eligible
  std::optional<Duration> deadline;  // lower than the route's own
};

// How one attempt ended or, with `status`, what its response head says. Exactly one of the two is set.
struct Outcome {
  int status = 0;          // the final response head is here and held back from the client
  bool failure = false;    // …and by the rules of its route another region had better answer
  Error error;             // no usable response
  bool committed = false;  // a byte of the final response already went to the client
};

enum class Decision : uint8_t { kAccept, kTryNext };

// What one stream knows. Filters read it; only `wish` is theirs to write.
struct StreamContext {
  const ClientInfo* client = nullptr;
  // What the client asked for, whatever filters made of it since.
  std::string_view scheme = "http";  // that it used, by its connection or a trusted proxy's word
  std::string_view authority;
  std::string_view target;  // path and query
  std::string_view method_text;
  // Who asked: the connection's peer, or whom a trusted proxy names. No port.
  std::string_view client_address;
  bool trusted_peer = false;  // the peer is one of `trusted_proxies`
  std::string_view request_id;
  std::string_view edge_name;
  Method method = Method::kGet;      // of the request as it came
  bool has_idempotency_key = false;  // what goes on has one
  bool body_gone = false;            // what was handed on of the request's body was not kept
  int attempts = 0;                  // started so far
  int steps_left = 0;                // further steps in the plan
  Wish wish;
};

// The views live as long as the filter, or in the request's arena.
struct LocalReply {
  int status = 0;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view body;
  std::string_view location = {};  // of a redirect
  bool refused = false;            // nothing but the status counts: it is answered like all errors of our own
};

class Filter {
 public:
  virtual ~Filter() = default;
  virtual std::string_view name() const = 0;
  // Before the plan is made. A reply ends the exchange without any origin.
  virtual std::optional<LocalReply> OnRequest(RequestHead&, StreamContext&) const { return std::nullopt; }
  // After each attempt, in order; the first kTryNext wins. Not asked when no step, time or budget is left.
  virtual Decision OnOutcome(const Outcome&, const StreamContext&) const { return Decision::kAccept; }
  // In reverse order, before the head of an origin's answer goes to the client.
  virtual void OnResponse(ResponseHead&, StreamContext&) const {}
  // What comes behind the body, of the request and of an origin's answer. It may only be taken away: what a filter
  // guards in a head, it guards here as well, since there are readers that merge the two.
  virtual void OnRequestTrailers(HeaderBlock&, const StreamContext&) const {}
  virtual void OnResponseTrailers(HeaderBlock&, const StreamContext&) const {}
  // OnResponse for an answer of Meridian's own, a LocalReply or an error, to a request that has a route. The filter's
  // OnRequest may not have been asked.
  virtual void OnReply(ResponseHead&, StreamContext&) const {}
};

}  // namespace meridian
