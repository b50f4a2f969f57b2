// TLS of the listeners as it changes while the process runs: certificates and OCSP responses whose files change, and
// the keys of tickets.
//
// Once a second the files are looked at (control/watched_files). What changed and then stood still for a second is
// read; if it is good, new connections use it, else what was before stays and an event says why. Nothing published is
// changed: each change is a new context. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/ocsp_files.h"
#include "control/watched_files.h"
#include "event/loop.h"
#include "net/tls_server_context.h"
#include "telemetry/status.h"

namespace meridian {

class ListenerTls {
 public:
  static constexpr Duration kLook = 1s;
  static constexpr Duration kRotation = 12h;
  using Publish = std::function<void(size_t listener, const std::shared_ptr<const TlsServerContext>& tls)>;

  // Null and *error naming the file that can't be used.
  static std::unique_ptr<ListenerTls> Make(Loop& loop, const std::vector<ListenerConfig>& listeners,
                                           const std::shared_ptr<const TlsKeyLog>& key_log, std::string* error);
  ~ListenerTls();

  // Null: cleartext.
  const std::shared_ptr<const TlsServerContext>& context(size_t listener) const { return listeners_[listener].context; }
  // Begins to look. `publish` is called for each change.
  void Start(Publish publish);
  void Stop() { timer_.Cancel(); }
  void Fill(Status* status) const;

 private:
  struct Listener {
    std::string address;
    std::vector<PemPair> pairs;
    TlsServerOptions options;
    WatchedFiles files;
    OcspFiles ocsp;
    std::shared_ptr<const TlsServerContext> context;
  };

  explicit ListenerTls(Loop& loop);
  void OnTimer();
  void Refresh(size_t index);
  std::shared_ptr<const TlsServerContext> ReadCertificates(Listener& listener);
  void Rotate();
  int64_t UnixSeconds() const { return loop_.UnixMicros() / 1'000'000; }

  Loop& loop_;
  std::vector<Listener> listeners_;
  std::shared_ptr<const TicketKeys> tickets_;
  TimePoint rotated_;
  uint64_t reloads_ = 0, failures_ = 0;
  Publish publish_;
  Timer timer_;
};

}  // namespace meridian
