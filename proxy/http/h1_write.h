// HTTP/1.1 heads and chunked framing as bytes.
#pragma once

#include <string>

#include "http/body_pipe.h"
#include "meridian/message.h"
#include "net/buffer.h"

namespace meridian {

std::string_view ReasonPhrase(int status);

// How a body is delimited on the wire.
enum class H1Framing : uint8_t { kNone, kLength, kChunked, kUntilClose };

// What a response says of its connection.
enum class H1Connection : uint8_t { kSilent, kKeepAlive, kClose };

// A head for which a flush has no room is written into `rest`, behind what is there, and leaves by SendRest, with as
// many flushes as it takes. REQUIRES: nothing else is written before `rest` is empty.
void WriteRequestHead(const RequestHead& head, H1Framing framing, OutBuffer& out, std::string& rest);
void WriteResponseHead(const ResponseHead& head, H1Framing framing, bool emit_length, H1Connection connection,
                       OutBuffer& out, std::string& rest);
// Moves what fits; true once nothing is left.
bool SendRest(std::string& rest, OutBuffer& out);

// Moves what fits from the body to `out`; true once the end (last chunk and trailers) was written.
bool WriteBody(BodyPipe& body, H1Framing framing, OutBuffer& out);

}  // namespace meridian
