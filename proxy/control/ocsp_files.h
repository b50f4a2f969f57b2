// The OCSP responses of one listener's certificates, from files that somebody else keeps fresh (`openssl ocsp
// -respout`, a hook of certbot): read, checked, taken out before they end.
//
// A file that is wrong changes nothing: the response before it is stapled as long as it is good. No response is stapled
// in its last seconds, since a handshake that begins with it may take a while. Workers read no clock for this: what
// they staple changes with the listener's context (control/listener_tls). Control thread; `now` is in seconds since
// 1970.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/watched_files.h"
#include "net/tls_server_context.h"
#include "telemetry/status.h"

namespace meridian {

class OcspFiles {
 public:
  static constexpr int64_t kMargin = 10;         // seconds before a response's end; handshakes take less, as a rule
  static constexpr int64_t kClockSkew = 5 * 60;  // that a responder's clock may be ahead of ours

  OcspFiles() = default;
  explicit OcspFiles(const std::vector<CertificateConfig>& certificates);

  // The first time: false and *error naming the file if one is wrong. One that is merely not good now is said and left
  // out: an edge must be able to start when whoever renews it is down.
  bool Load(const TlsServerContext& context, int64_t now, std::string* error);
  // True: `responses` changed. REQUIRES: Load succeeded, and `context` has the certificates of the last Load or Reload.
  bool Look(const TlsServerContext& context, int64_t now);
  // After certificates changed: reads all files again, since each must be about its certificate. One that is not and
  // has no predecessor for it leaves the certificate without.
  void Reload(const TlsServerContext& context, int64_t now);
  const TlsServerContext::OcspResponses& responses() const { return responses_; }
  void Fill(Status* status) const;

 private:
  struct Item {
    std::string certificate;  // its file, empty: it came from none
    std::string file;         // empty: no response is wanted
    WatchedFiles watch;
    int64_t until_unix_s = 0;  // of the last response that was right; 0: none is about the certificate
    int64_t take_at = 0;       // when a response that is right and not good yet will be; 0: there is none
  };
  // *error is empty if the response may be stapled. Null: the file is wrong; else it is just not good now.
  std::shared_ptr<const OcspResponse> Read(size_t index, const TlsServerContext& context, int64_t now,
                                           std::string* error) const;
  void Refused(const Item& item, const std::string& error);
  bool Take(size_t index, const TlsServerContext& context, int64_t now);
  void WarnIfMissing(size_t index, const TlsServerContext& context) const;

  std::vector<Item> items_;  // one per certificate
  TlsServerContext::OcspResponses responses_;
  uint64_t reloads_ = 0, failures_ = 0;
};

}  // namespace meridian
