#include "net/tls_server_context.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstring>
#include <map>

#include "net/tls_certificate.h"

namespace meridian {
namespace {

constexpr unsigned char kServerAlpn[] = "\x02h2\x08http/1.1\x08http/1.0";  // in the order of our choice
constexpr char kTls12Ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
constexpr char kTls13Ciphers[] = "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";
constexpr char kAllTls13Ciphers[] =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:"
    "TLS_AES_128_CCM_8_SHA256";

// A ticket lives as long as its key may be accepted at least: two rotations.
constexpr long kSessionSeconds = 24 * 3600;

using CtxPtr = std::unique_ptr<SSL_CTX, TlsFree<&SSL_CTX_free>>;

bool Install(SSL_CTX* ctx, const Certificate& c) {
  if (SSL_CTX_use_certificate(ctx, c.leaf.get()) != 1) return false;
  if (SSL_CTX_clear_chain_certs(ctx) != 1) return false;
  for (const auto& link : c.chain) {
    if (SSL_CTX_add1_chain_cert(ctx, link.get()) != 1) return false;
  }
  return SSL_CTX_use_PrivateKey(ctx, c.key.get()) == 1;
}

std::string Joined(const std::vector<std::string>& names, const char* standard) {
  if (names.empty()) return standard;
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ":") + name;
  return all;
}

const SSL_CIPHER* FindCipher(SSL_CTX* ctx, const std::string& name) {
  const STACK_OF(SSL_CIPHER)* all = SSL_CTX_get_ciphers(ctx);
  for (int i = 0; i < sk_SSL_CIPHER_num(all); ++i) {
    const SSL_CIPHER* cipher = sk_SSL_CIPHER_value(all, i);
    if (name == SSL_CIPHER_get_name(cipher)) return cipher;
  }
  return nullptr;
}

}  // namespace

std::string CheckTlsCipher(const std::string& name, TlsVersion version) {
  const CtxPtr ctx(SSL_CTX_new(TLS_server_method()));
  if (!ctx || SSL_CTX_set_cipher_list(ctx.get(), "ALL:COMPLEMENTOFALL:@SECLEVEL=0") != 1 ||
      SSL_CTX_set_ciphersuites(ctx.get(), kAllTls13Ciphers) != 1) {
    return "cannot be checked: " + DrainTlsErrors();
  }
  const SSL_CIPHER* cipher = FindCipher(ctx.get(), name);
  if (!cipher)
    return "must be a name that OpenSSL knows, as in " +
           std::string(version == TlsVersion::kTls13 ? "TLS_AES_128_GCM_SHA256" : "ECDHE-ECDSA-AES128-GCM-SHA256");
  const bool is13 = std::string_view(SSL_CIPHER_get_version(cipher)) == "TLSv1.3";
  if (version == TlsVersion::kTls13) return is13 ? "" : "must be of TLS 1.3; those of TLS 1.2 are 'ciphers'";
  if (is13) return "must be of TLS 1.2; those of TLS 1.3 are 'ciphersuites'";
  const int authentication = SSL_CIPHER_get_auth_nid(cipher);
  const bool good = SSL_CIPHER_is_aead(cipher) && SSL_CIPHER_get_kx_nid(cipher) == NID_kx_ecdhe &&
                    (authentication == NID_auth_rsa || authentication == NID_auth_ecdsa);
  return good ? "" : "must be ECDHE with AEAD: HTTP/2 allows no other (RFC 9113 §9.2.2)";
}

struct TlsServerContext::Store {
  std::vector<CtxPtr> contexts;                        // the first is for clients that name no server we know
  std::map<std::string, SSL_CTX*, std::less<>> names;  // lower case, exact or "*.suffix"
  std::shared_ptr<const TlsKeyLog> key_log;
  std::vector<Expiry> expiries;
  std::vector<Certificate> certificates;                   // one per pair
  std::vector<std::vector<std::string>> names_of_context;  // sorted, in the order of `contexts`

  size_t IndexOf(const SSL_CTX* ctx) const {
    size_t i = 0;
    while (contexts[i].get() != ctx) ++i;
    return i;
  }

  // Who may be a client; of all contexts the same.
  struct StoreFree {
    void operator()(X509_STORE* s) const { X509_STORE_free(s); }
  };
  std::unique_ptr<X509_STORE, StoreFree> client_ca;
  std::vector<X509Ptr> authorities;  // in it
  unsigned char session_context[SHA256_DIGEST_LENGTH] = {};
  bool forward_client_certificate = false;

  bool ReadClientCa(const TlsServerOptions& options, std::string* error);
  bool AskForCertificates(SSL_CTX* ctx, const TlsServerOptions& options) const;
  CtxPtr NewContext(const TlsServerOptions& options) const;
};

struct TlsServerContext::Callbacks {
  static const TlsServerContext& Of(const SSL* ssl) {
    return *static_cast<const TlsServerContext*>(SSL_get_app_data(ssl));
  }

  static int OnServerName(SSL* ssl, int*, void*) {
    const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (!name) return SSL_TLSEXT_ERR_NOACK;
    if (SSL_CTX* ctx = Of(ssl).Find(name)) SSL_set_SSL_CTX(ssl, ctx);
    return SSL_TLSEXT_ERR_OK;
  }

  static int SelectAlpn(SSL*, const unsigned char** out, unsigned char* out_len, const unsigned char* in,
                        unsigned in_len, void*) {
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(&chosen, out_len, kServerAlpn, sizeof kServerAlpn - 1, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED) {
      return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
  }

  // Called to seal a new ticket (1: done) and to open one (0: not ours, 1, 2: and give the client a new one).
  static int OnTicket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                      int seal) {
    const TicketKeys& keys = *Of(ssl).tickets_;
    const TicketKeys::Key* key = seal ? &keys.current() : keys.Find(name);
    if (!key) return 0;
    if (seal) {
      std::memcpy(name, key->name, TicketKeys::kNameSize);
      if (RAND_bytes(iv, 16) != 1) return -1;
    }
    char digest[] = "SHA256";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key->mac), sizeof key->mac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0), OSSL_PARAM_construct_end()};
    if (EVP_MAC_CTX_set_params(mac, parameters) != 1) return -1;
    if (EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key->cipher, iv, seal) != 1) return -1;
    return seal || key == &keys.current() ? 1 : 2;
  }

  // A client's certificate may have ended since its ticket was made.
  static SSL_TICKET_RETURN OnSession(SSL*, SSL_SESSION* session, const unsigned char*, size_t, SSL_TICKET_STATUS status,
                                     void*) {
    const bool opened = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    if (!opened) return SSL_TICKET_RETURN_IGNORE_RENEW;
    const X509* peer = SSL_SESSION_get0_peer(session);
    if (peer && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
  }

  // A full handshake whose client asks for the status of our certificate.
  static int OnStatus(SSL* ssl, void*) {
    const TlsServerContext& self = Of(ssl);
    const std::vector<Certificate>& ours = self.store_->certificates;
    const X509* shown = SSL_get_certificate(ssl);
    const auto pair =
        std::find_if(ours.begin(), ours.end(), [&](const Certificate& c) { return c.leaf.get() == shown; });
    const size_t index = static_cast<size_t>(pair - ours.begin());
    if (index >= self.responses_.size() || !self.responses_[index]) return SSL_TLSEXT_ERR_NOACK;
    const std::string& der = self.responses_[index]->der;
    void* copy = OPENSSL_memdup(der.data(), der.size());
    if (!copy) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<long>(der.size()));  // which frees it
    return SSL_TLSEXT_ERR_OK;
  }

  static void LogKey(const SSL* ssl, const char* line) { Of(ssl).store_->key_log->Write(line); }
};

// Also what sets its sessions apart: a ticket from a listener that trusts others, or from before the file changed,
// would carry a certificate that was never verified here.
bool TlsServerContext::Store::ReadClientCa(const TlsServerOptions& options, std::string* error) {
  std::string identity = "meridian";
  forward_client_certificate = options.forward_client_certificate;
  if (!options.client_ca_file.empty()) {
    std::string text;
    if (!ReadAuthorities(options.client_ca_file, &authorities, &text, error)) return false;
    identity += text;
    identity += options.client_certificate == ClientCertificate::kRequired ? "required" : "optional";
    client_ca.reset(X509_STORE_new());
    for (const X509Ptr& ca : authorities) {
      if (client_ca && X509_STORE_add_cert(client_ca.get(), ca.get()) == 1) continue;
      *error = "cannot use the CA certificates from " + options.client_ca_file + ": " + DrainTlsErrors();
      return false;
    }
  }
  SHA256(reinterpret_cast<const unsigned char*>(identity.data()), identity.size(), session_context);
  return true;
}

bool TlsServerContext::Store::AskForCertificates(SSL_CTX* ctx, const TlsServerOptions& options) const {
  if (!client_ca) return true;
  const bool required = options.client_certificate == ClientCertificate::kRequired;
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0), nullptr);
  // Not the store that completes our own chains.
  if (SSL_CTX_set1_verify_cert_store(ctx, client_ca.get()) != 1) return false;
  SSL_CTX_set_session_ticket_cb(ctx, nullptr, Callbacks::OnSession, nullptr);
  for (const X509Ptr& ca : authorities) {
    if (SSL_CTX_add_client_CA(ctx, ca.get()) != 1) return false;
  }
  return true;
}

CtxPtr TlsServerContext::Store::NewContext(const TlsServerOptions& options) const {
  CtxPtr made(SSL_CTX_new(TLS_server_method()));
  SSL_CTX* ctx = made.get();
  if (!ctx) return nullptr;
  SSL_CTX_set_min_proto_version(ctx, options.min_version == TlsVersion::kTls13 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_set_cipher_list(ctx, Joined(options.ciphers, kTls12Ciphers).c_str()) != 1) return nullptr;
  if (SSL_CTX_set_ciphersuites(ctx, Joined(options.ciphersuites, kTls13Ciphers).c_str()) != 1) return nullptr;
  SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);  // tickets need no shared, locked cache
  SSL_CTX_set_num_tickets(ctx, 1);
  SSL_CTX_set_timeout(ctx, kSessionSeconds);
  SSL_CTX_set_session_id_context(ctx, session_context, sizeof session_context);
  if (!AskForCertificates(ctx, options)) return nullptr;
  SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, Callbacks::OnTicket);
  SSL_CTX_set_max_early_data(ctx, 0);  // what is sent early can be sent again by anybody (RFC 8470)
  SSL_CTX_set_alpn_select_cb(ctx, Callbacks::SelectAlpn, nullptr);
  const auto set = [ctx](int which, auto* callback) {
    SSL_CTX_callback_ctrl(ctx, which, reinterpret_cast<void (*)()>(callback));
  };
  set(SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, &Callbacks::OnServerName);
  set(SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, &Callbacks::OnStatus);
  if (key_log) SSL_CTX_set_keylog_callback(ctx, Callbacks::LogKey);
  return made;
}

TlsServerContext::~TlsServerContext() = default;

std::shared_ptr<const TlsServerContext> TlsServerContext::Make(const std::vector<PemPair>& pairs,
                                                               const TlsServerOptions& options, std::string* error) {
  auto store = std::make_shared<Store>();
  store->key_log = options.key_log;
  if (!store->ReadClientCa(options, error)) return nullptr;
  auto& names_of_context = store->names_of_context;
  for (const PemPair& pair : pairs) {
    Certificate certificate;
    if (!ReadCertificate(pair, &certificate, error)) return nullptr;
    // Same names: the other key type for the same site. OpenSSL picks by the client's signature algorithms.
    const auto same = std::find(names_of_context.begin(), names_of_context.end(), certificate.names);
    SSL_CTX* ctx = nullptr;
    if (same != names_of_context.end()) {
      ctx = store->contexts[static_cast<size_t>(same - names_of_context.begin())].get();
    } else {
      store->contexts.push_back(store->NewContext(options));
      ctx = store->contexts.back().get();
      if (!ctx) {
        *error = "cannot make a TLS context: " + DrainTlsErrors();
        return nullptr;
      }
      names_of_context.push_back(certificate.names);
      for (const std::string& name : certificate.names) store->names.emplace(name, ctx);
    }
    store->expiries.push_back({pair.inline_pem ? "" : pair.certificate_file, certificate.expires_unix_s});
    if (!Install(ctx, certificate)) {
      *error =
          "cannot use " + (pair.inline_pem ? "the given PEM text" : pair.certificate_file) + ": " + DrainTlsErrors();
      return nullptr;
    }
    store->certificates.push_back(std::move(certificate));
  }
  if (store->contexts.empty()) {
    *error = "no certificate";
    return nullptr;
  }
  std::shared_ptr<const TicketKeys> tickets = options.tickets ? options.tickets : TicketKeys::Make();
  if (!tickets) {
    *error = "no random numbers for the keys of tickets: " + DrainTlsErrors();
    return nullptr;
  }
  return std::shared_ptr<const TlsServerContext>(new TlsServerContext(std::move(store), std::move(tickets), {}));
}

std::shared_ptr<const TlsServerContext> TlsServerContext::WithTickets(std::shared_ptr<const TicketKeys> tickets) const {
  return std::shared_ptr<const TlsServerContext>(new TlsServerContext(store_, std::move(tickets), responses_));
}

std::shared_ptr<const OcspResponse> TlsServerContext::CheckOcsp(size_t index, std::string der,
                                                                std::string* error) const {
  return CheckOcspResponse(std::move(der), store_->certificates[index], error);
}

bool TlsServerContext::MustStaple(size_t index) const { return meridian::MustStaple(store_->certificates[index]); }

std::shared_ptr<const TlsServerContext> TlsServerContext::WithOcsp(OcspResponses responses) const {
  return std::shared_ptr<const TlsServerContext>(new TlsServerContext(store_, tickets_, std::move(responses)));
}

std::vector<TlsServerContext::Expiry> TlsServerContext::Expiries() const { return store_->expiries; }

ssl_st* TlsServerContext::NewSession() const {
  SSL* ssl = SSL_new(store_->contexts[0].get());
  if (!ssl) return nullptr;
  SSL_set_app_data(ssl, const_cast<TlsServerContext*>(this));
  SSL_set_accept_state(ssl);
  return ssl;
}

bool TlsServerContext::Misdirected(const ssl_st* session, std::string_view host) const {
  if (store_->contexts.size() < 2) return false;
  const SSL_CTX* owner = Find(host);
  const SSL_CTX* shown = SSL_get_SSL_CTX(session);
  if (!owner || owner == shown) return false;
  const std::vector<std::string>& names = store_->names_of_context[store_->IndexOf(shown)];
  const size_t dot = std::min(host.find('.'), host.size());
  return !std::binary_search(names.begin(), names.end(), std::string(host)) &&
         !std::binary_search(names.begin(), names.end(), "*" + std::string(host.substr(dot)));
}

std::string TlsServerContext::ForwardedCertificate(const ssl_st* session) const {
  const X509* peer = store_->forward_client_certificate ? SSL_get0_peer_certificate(session) : nullptr;
  unsigned char* der = nullptr;
  const int size = peer ? i2d_X509(peer, &der) : 0;
  if (size <= 0) return "";
  std::string text(static_cast<size_t>((size + 2) / 3 * 4 + 1), ':');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()) + 1, der, size);  // and a NUL at the end
  OPENSSL_free(der);
  return text + ":";
}

ssl_ctx_st* TlsServerContext::Find(std::string_view given) const {
  const std::string name = LowerCase(given);
  if (const auto exact = store_->names.find(name); exact != store_->names.end()) return exact->second;
  const size_t dot = name.find('.');
  if (dot == std::string::npos) return nullptr;
  const auto wildcard = store_->names.find("*" + name.substr(dot));
  return wildcard == store_->names.end() ? nullptr : wildcard->second;
}

}  // namespace meridian
