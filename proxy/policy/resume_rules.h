// When a response that broke off may be continued by another origin, and by what. One byte wrong is worse than an
// error: every doubt is a no.
//
// A 200 to a GET with a strong entity tag names one exact sequence of bytes (RFC 9110 §8.8.1); a range of it from
// another origin with the same tag continues it. The request for it is `Range: bytes=<next>-` with `If-Range: <tag>`
// (§13.1.5, §14.2); only a 206 that says exactly that range, that tag and that length is taken (§15.3.7). Pure.
#pragma once

#include <cstdint>
#include <string_view>

#include "meridian/message.h"

namespace meridian {

// `"…"` of etagc, not weak (RFC 9110 §8.8.3).
bool IsStrongEtag(std::string_view etag);

// The answer can be continued should it break: GET without a Range of its own, 200, strong ETag (exactly one), known
// length, identity coding, an origin that does not say `Accept-Ranges: none`.
bool Resumable(const RequestHead& request, const ResponseHead& response);

// Makes the continuation of `request`: its conditions go (the representation is chosen), Range and If-Range come. Texts
// live in the header block's arena. `etag` outlives it.
void AskForRest(RequestHead& request, std::string_view etag, uint64_t next);

// The answer is exactly the bytes from `next` to the end of the representation of `total` bytes under `etag`.
bool ContinuesExactly(const ResponseHead& response, std::string_view etag, uint64_t next, uint64_t total);

}  // namespace meridian
