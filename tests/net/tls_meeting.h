// One TLS connection with a listener's context, both ends in one thread: no sockets, no loop.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include <memory>
#include <utility>

#include "net/tls_server_context.h"

namespace meridian::testing {

struct SessionFree {
  void operator()(SSL_SESSION* s) const { SSL_SESSION_free(s); }
};
using Session = std::unique_ptr<SSL_SESSION, SessionFree>;

class Meeting {
 public:
  explicit Meeting(std::shared_ptr<const TlsServerContext> context, int version = TLS1_3_VERSION)
      : context_(std::move(context)), server(context_->NewSession()) {
    SSL_CTX_set_max_proto_version(client_context, version);
    // What lies in the cache of a context ends with it.
    SSL_CTX_set_session_cache_mode(client_context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  }
  ~Meeting() {
    // Else OpenSSL takes the session for broken, and its ticket can't be used again.
    if (client) SSL_set_shutdown(client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(client);
    SSL_free(server);
    SSL_CTX_free(client_context);
  }
  Meeting(const Meeting&) = delete;
  Meeting& operator=(const Meeting&) = delete;

  // Goes on from `session` if there is one. True: both are through.
  bool Shake(SSL_SESSION* session = nullptr, const char* name = "shop.example") {
    client = SSL_new(client_context);
    SSL_set_connect_state(client);
    if (name) SSL_ctrl(client, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name));
    // A copy: OpenSSL's client uses no session again for which it got a newer ticket.
    if (const Session copy{session ? SSL_SESSION_dup(session) : nullptr}) SSL_set_session(client, copy.get());
    BIO *client_side = nullptr, *server_side = nullptr;
    BIO_new_bio_pair(&client_side, 0, &server_side, 0);
    SSL_set_bio(client, client_side, client_side);
    SSL_set_bio(server, server_side, server_side);
    int c = -1, s = -1;
    for (int turn = 0; turn < 20 && (c != 1 || s != 1); ++turn) {
      if (c != 1) c = SSL_do_handshake(client);
      if (s != 1) s = SSL_do_handshake(server);
    }
    char byte = 0;
    if (c == 1) SSL_read(client, &byte, 1);  // the ticket comes after the handshake
    ERR_clear_error();
    return c == 1 && s == 1;
  }
  bool resumed() const { return SSL_session_reused(server) == 1; }
  Session ticket() const { return Session(SSL_get1_session(client)); }

 private:
  const std::shared_ptr<const TlsServerContext> context_;

 public:
  SSL_CTX* client_context = SSL_CTX_new(TLS_client_method());
  SSL* server;
  SSL* client = nullptr;
};

}  // namespace meridian::testing
