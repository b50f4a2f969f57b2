#include "control/listener_tls.h"

#include <algorithm>
#include <utility>

#include "control/ocsp_files.h"
#include "control/watched_files.h"
#include "telemetry/log.h"

namespace meridian {

// What belongs to the thread of files during a look, and to the control thread else.
struct ListenerTls::Files {
  std::string address;
  std::vector<PemPair> pairs;
  TlsServerOptions options;
  WatchedFiles certificates;
  OcspFiles ocsp;
  std::shared_ptr<const TlsServerContext> context;  // with whatever ticket keys
  bool changed = false;                             // since somebody looked
  uint64_t reloads = 0, failures = 0;

  void Look(int64_t now);
  std::shared_ptr<const TlsServerContext> ReadCertificates();
};

void ListenerTls::Files::Look(int64_t now) {
  if (auto fresh = ReadCertificates()) {
    ocsp.Reload(*fresh, now);
    context = std::move(fresh);
  } else if (!ocsp.Look(*context, now)) {
    return;
  }
  context = context->WithOcsp(ocsp.responses());
  changed = true;
}

// Null: there is nothing new, or it can't be used.
std::shared_ptr<const TlsServerContext> ListenerTls::Files::ReadCertificates() {
  if (!certificates.Changed()) return nullptr;
  std::string error;
  auto fresh = TlsServerContext::Make(pairs, options, &error);
  if (!fresh) {
    ++failures;
    LogEvent(LogLevel::kError, "certificate_reload_failed", {{"listener", address}, {"error", error}});
    return nullptr;
  }
  ++reloads;
  LogEvent(LogLevel::kInfo, "certificate_reloaded", {{"listener", address}});
  return fresh;
}

ListenerTls::ListenerTls(Loop& loop)
    : loop_(loop), rotated_(loop.Now()), timer_(loop, Bind<&ListenerTls::OnTimer>(this)) {}

ListenerTls::~ListenerTls() = default;

std::unique_ptr<ListenerTls> ListenerTls::Make(Loop& loop, const std::vector<ListenerConfig>& listeners,
                                               const std::shared_ptr<const TlsKeyLog>& key_log, std::string* error) {
  std::unique_ptr<ListenerTls> self(new ListenerTls(loop));
  self->tickets_ = TicketKeys::Make();
  if (!self->tickets_) {
    *error = "no random numbers for the keys of tickets";
    return nullptr;
  }
  for (const ListenerConfig& config : listeners) {
    if (!self->Add(config, key_log, error)) return nullptr;
  }
  self->Remember();
  return self;
}

bool ListenerTls::Add(const ListenerConfig& config, const std::shared_ptr<const TlsKeyLog>& key_log,
                      std::string* error) {
  Listener& listener = listeners_.emplace_back();
  if (config.certificates.empty()) return true;
  listener.files = std::make_shared<Files>();
  Files& files = *listener.files;
  files.address = config.address;
  files.options = config.tls;
  files.options.key_log = key_log;
  files.options.tickets = tickets_;
  std::vector<std::string> names;
  for (const CertificateConfig& c : config.certificates) {
    files.pairs.push_back({c.certificate, c.key, c.inline_pem});
    if (!c.inline_pem) names.insert(names.end(), {c.certificate, c.key});
  }
  if (!config.tls.client_ca_file.empty()) names.push_back(config.tls.client_ca_file);
  files.certificates = WatchedFiles(std::move(names));
  files.ocsp = OcspFiles(config.certificates);
  files.context = TlsServerContext::Make(files.pairs, files.options, error);
  if (!files.context || !files.ocsp.Load(*files.context, UnixSeconds(), error)) return false;
  listener.ocsp = files.ocsp.responses();
  listener.context = files.context = files.context->WithOcsp(listener.ocsp);
  return true;
}

void ListenerTls::Start(Publish publish, Reading reading) {
  publish_ = std::move(publish);
  const auto has_tls = [](const Listener& l) { return l.context != nullptr; };
  if (std::none_of(listeners_.begin(), listeners_.end(), has_tls)) return;
  if (reading == Reading::kOnThread) thread_ = std::make_unique<FileThread>(loop_);
  timer_.Arm(kLook);
}

void ListenerTls::OnTimer() {
  timer_.Arm(kLook);
  if (loop_.Now() - rotated_ >= kRotation) Rotate();
  if (thread_ && thread_->busy()) return WhileItHangs();
  std::vector<std::shared_ptr<Files>> all;
  for (const Listener& listener : listeners_) {
    if (listener.files) all.push_back(listener.files);
  }
  look_began_ = loop_.Now();
  const auto look = [all = std::move(all), now = UnixSeconds()] {
    for (const std::shared_ptr<Files>& files : all) files->Look(now);
  };
  if (thread_) return thread_->Run(look, [this] { OnLooked(); });
  look();
  OnLooked();
}

void ListenerTls::OnLooked() {
  if (std::exchange(hangs_, false)) LogEvent(LogLevel::kInfo, "certificate_files_answer");
  for (size_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (!listener.files || !std::exchange(listener.files->changed, false)) continue;
    listener.ocsp = listener.files->ocsp.responses();
    listener.context = listener.files->context->WithTickets(tickets_);
    publish_(i, listener.context);
  }
  Remember();
}

// What must happen in time all the same: no response is stapled beyond its end.
void ListenerTls::WhileItHangs() {
  if (loop_.Now() - look_began_ < kPatience) return;
  if (!std::exchange(hangs_, true)) {
    LogEvent(LogLevel::kError, "certificate_files_hang",
             {{"meaning", "the file system of a certificate or OCSP response does not answer; changes are not seen"}});
  }
  const int64_t latest = UnixSeconds() + OcspFiles::kMargin;
  const auto is_over = [&](const auto& response) { return response && response->until_unix_s <= latest; };
  for (size_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (std::none_of(listener.ocsp.begin(), listener.ocsp.end(), is_over)) continue;
    std::replace_if(listener.ocsp.begin(), listener.ocsp.end(), is_over, nullptr);
    listener.context = listener.context->WithOcsp(listener.ocsp);
    publish_(i, listener.context);
  }
}

void ListenerTls::Rotate() {
  auto next = tickets_->Rotated();
  if (!next) return;  // asked again at the next look
  rotated_ = loop_.Now();
  tickets_ = std::move(next);
  for (size_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (!listener.context) continue;
    listener.context = listener.context->WithTickets(tickets_);
    publish_(i, listener.context);
  }
}

// REQUIRES: no look is under way.
void ListenerTls::Remember() {
  seen_ = Status();
  for (const Listener& listener : listeners_) {
    if (!listener.files) continue;
    for (const TlsServerContext::Expiry& expiry : listener.context->Expiries()) {
      const auto same = [&](const CertificateStatus& known) { return known.file == expiry.file; };
      auto& all = seen_.certificates;
      if (expiry.file.empty() || std::any_of(all.begin(), all.end(), same)) continue;
      all.push_back({expiry.file, expiry.unix_s});
    }
    listener.files->ocsp.Fill(&seen_);
    seen_.certificate_reloads += listener.files->reloads;
    seen_.certificate_reloads_failed += listener.files->failures;
  }
}

void ListenerTls::Fill(Status* status) const {
  status->certificates = seen_.certificates;
  status->certificate_reloads = seen_.certificate_reloads;
  status->certificate_reloads_failed = seen_.certificate_reloads_failed;
  status->ocsp = seen_.ocsp;
  status->ocsp_reloads = seen_.ocsp_reloads;
  status->ocsp_reloads_failed = seen_.ocsp_reloads_failed;
}

}  // namespace meridian
