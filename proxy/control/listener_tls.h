// TLS of the listeners as it changes while the process runs: certificates and OCSP responses whose files change, and
// the keys of tickets.
//
// Once a second the files are looked at (control/watched_files). What changed and then stood still for a second is
// read; if it is good, new connections use it, else what was before stays and an event says why. Nothing published is
// changed: each change is a new context. Looking and reading is the work of a thread of its own, since a file system
// can hang: then what was before stays, an event says so, and everything else goes on. Control thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/config.h"
#include "control/file_thread.h"
#include "event/loop.h"
#include "net/tls_server_context.h"
#include "telemetry/status.h"

namespace meridian {

class ListenerTls {
 public:
  static constexpr Duration kLook = 1s;
  static constexpr Duration kRotation = 12h;
  static constexpr Duration kPatience = 5s;  // with a look, until it is said that it hangs
  using Publish = std::function<void(size_t listener, const std::shared_ptr<const TlsServerContext>& tls)>;

  // Null and *error naming the file that can't be used.
  static std::unique_ptr<ListenerTls> Make(Loop& loop, const std::vector<ListenerConfig>& listeners,
                                           const std::shared_ptr<const TlsKeyLog>& key_log, std::string* error);
  ~ListenerTls();

  // Null: cleartext.
  const std::shared_ptr<const TlsServerContext>& context(size_t listener) const { return listeners_[listener].context; }
  // Where files are read: with kHere, which is for tests, a file system that hangs stops the caller.
  enum class Reading { kHere, kOnThread };
  // Begins to look. `publish` is called for each change.
  void Start(Publish publish, Reading reading = Reading::kHere);
  void Stop() {
    timer_.Cancel();
    thread_.reset();
  }
  void Fill(Status* status) const;

 private:
  struct Files;
  struct Listener {
    std::shared_ptr<Files> files;  // null: cleartext
    std::shared_ptr<const TlsServerContext> context;
    TlsServerContext::OcspResponses ocsp;  // in it
  };

  explicit ListenerTls(Loop& loop);
  bool Add(const ListenerConfig& config, const std::shared_ptr<const TlsKeyLog>& key_log, std::string* error);
  void OnTimer();
  void OnLooked();
  void WhileItHangs();
  void Remember();
  void Rotate();
  int64_t UnixSeconds() const { return loop_.UnixMicros() / 1'000'000; }

  Loop& loop_;
  std::vector<Listener> listeners_;
  std::shared_ptr<const TicketKeys> tickets_;
  TimePoint rotated_;
  TimePoint look_began_{};
  bool hangs_ = false;
  Status seen_;  // what the last look left to say about files
  Publish publish_;
  Timer timer_;
  std::unique_ptr<FileThread> thread_;  // null: files are read here
};

}  // namespace meridian
