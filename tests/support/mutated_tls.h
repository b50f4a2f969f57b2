// A TLS client one of whose flights was changed on its way: the hello, the end of the handshake, or the records of what
// it says.
#pragma once

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <string>

#include "support/connection.h"
#include "support/mutator.h"

namespace meridian::testing {

// Shakes hands over a connected connection, says `text`, and returns when anything came back or nobody listens.
inline void SpeakMutatedTls(Connection& connection, const TlsClientContext& tls, const std::string& text,
                            Seeded& chance, const Deadline& deadline) {
  SSL* ssl = SSL_new(tls.get());
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  SSL_set_connect_state(ssl);
  const std::string alpn = static_cast<char>(tls.options().alpn.size()) + tls.options().alpn;
  SSL_set_alpn_protos(ssl, reinterpret_cast<const unsigned char*>(alpn.data()), static_cast<unsigned>(alpn.size()));

  const size_t changed = chance.Below(3);
  size_t flight = 0;
  const auto send = [&] {
    char* data = nullptr;
    const long size = BIO_get_mem_data(out, &data);
    if (size <= 0) return true;
    std::string bytes(data, static_cast<size_t>(size));
    BIO_reset(out);
    if (flight++ == changed) bytes = Mutator(chance).Mutate(bytes);
    return connection.Send(bytes, deadline);
  };
  bool said = false;
  while (true) {
    const int result = SSL_do_handshake(ssl);
    const bool broken = result != 1 && SSL_get_error(ssl, result) != SSL_ERROR_WANT_READ;
    if (!send() || broken) break;
    if (result == 1 && !said) {
      said = true;
      SSL_write(ssl, text.data(), static_cast<int>(text.size()));
      if (!send()) break;
    }
    char answer[4096];
    if (said && SSL_read(ssl, answer, sizeof answer) > 0) break;
    std::string bytes;
    if (connection.Read(&bytes, deadline) != ReadEnd::kData) break;
    BIO_write(in, bytes.data(), static_cast<int>(bytes.size()));
  }
  SSL_free(ssl);
  ERR_clear_error();
}

}  // namespace meridian::testing
