// Our own answers: which status an error becomes, and how it is told to people, programs and other proxies.
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

// `proxy-status: meridian; error=connection_timeout` (RFC 9209).
void AddProxyStatus(Arena& arena, const Error& error, HeaderBlock* headers);
// The same for an answer that no origin was asked for: refused requests, no route.
void AddProxyStatus(Arena& arena, int status, HeaderBlock* headers);

}  // namespace meridian
