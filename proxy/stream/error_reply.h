// Our own answers: which status an error becomes, and how it is told to people, programs and other proxies.
//
// Who calls gRPC is told in gRPC (grpc/doc/PROTOCOL-HTTP2.md): 200 and nothing but a head, which has grpc-status and
// grpc-message. From any other answer its client would have to guess a status, and guesses that a call whose time is up
// may be made once more.
#pragma once

#include "meridian/error.h"
#include "meridian/message.h"

namespace meridian {

// 502 for an origin that failed, 503 when we could not even ask, 504 when time ran out.
int StatusOf(const Error& error);

struct ReplyText {
  std::string_view content_type, body;
};
// JSON (RFC 9457) when the client prefers it, else one line of text. Text in the arena.
ReplyText MakeReplyText(Arena& arena, int status, std::string_view accept);

// A call of gRPC: over HTTP/2, and of its own content-type (gRPC-Web is another).
bool CallsGrpc(const RequestHead& request);
// The code that says the same, as digits (grpc/doc/statuscodes.md).
std::string_view GrpcStatusOf(const Error& error);
std::string_view GrpcStatusOf(int status);
// Percent-encoded as grpc-message wants it: what is no printable ASCII, and `%`. Text in the arena.
std::string_view GrpcMessage(Arena& arena, std::string_view text);
// The head's fields of such an answer. `error` may be null.
void AddGrpcStatus(Arena& arena, int status, const Error* error, HeaderBlock* headers);

// `proxy-status: meridian; error=connection_timeout` (RFC 9209).
void AddProxyStatus(Arena& arena, const Error& error, HeaderBlock* headers);
// The same for an answer that no origin was asked for: refused requests, no route.
void AddProxyStatus(Arena& arena, int status, HeaderBlock* headers);

}  // namespace meridian
