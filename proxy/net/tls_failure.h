// Why TLS with a peer failed, for people: whose certificate, which alert. OpenSSL's error queue as a static text.
#pragma once

#include <openssl/ssl.h>

#include "meridian/error.h"

namespace meridian {

// Of a handshake that just failed; empties the queue. `origin`: the peer is one, else a client. `closed`: the peer
// closed the connection in the middle of it.
Error HandshakeFailure(const SSL* ssl, bool origin, bool closed);

// In TLS 1.3 a client is through before its server has looked at the certificate that it showed, or did not show
// (RFC 8446 §4.4.2.4, appendix E.1.2): the refusal comes as an alert when the first answer is read. A server that sends
// one has processed nothing. True, *error and an empty queue if the read that just failed is such a refusal.
// REQUIRES: nothing was read from the origin before.
bool RefusedAfterHandshake(Error* error);

}  // namespace meridian
