#include "control/listener_tls.h"

#include <algorithm>

#include "telemetry/log.h"

namespace meridian {

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
    Listener& listener = self->listeners_.emplace_back();
    if (config.certificates.empty()) continue;
    listener.address = config.address;
    listener.options = config.tls;
    listener.options.key_log = key_log;
    listener.options.tickets = self->tickets_;
    std::vector<std::string> files;
    for (const CertificateConfig& c : config.certificates) {
      listener.pairs.push_back({c.certificate, c.key, c.inline_pem});
      if (c.inline_pem) continue;
      files.insert(files.end(), {c.certificate, c.key});
    }
    if (!config.tls.client_ca_file.empty()) files.push_back(config.tls.client_ca_file);
    listener.files = WatchedFiles(std::move(files));
    listener.ocsp = OcspFiles(config.certificates);
    listener.context = TlsServerContext::Make(listener.pairs, listener.options, error);
    if (!listener.context) return nullptr;
    if (!listener.ocsp.Load(*listener.context, self->UnixSeconds(), error)) return nullptr;
    listener.context = listener.context->WithOcsp(listener.ocsp.responses());
  }
  return self;
}

void ListenerTls::Start(Publish publish) {
  publish_ = std::move(publish);
  const auto has_tls = [](const Listener& l) { return l.context != nullptr; };
  if (std::any_of(listeners_.begin(), listeners_.end(), has_tls)) timer_.Arm(kLook);
}

void ListenerTls::OnTimer() {
  timer_.Arm(kLook);
  if (loop_.Now() - rotated_ >= kRotation) Rotate();
  for (size_t i = 0; i < listeners_.size(); ++i) Refresh(i);
}

void ListenerTls::Refresh(size_t index) {
  Listener& listener = listeners_[index];
  if (!listener.context) return;
  if (auto context = ReadCertificates(listener)) {
    listener.ocsp.Reload(*context, UnixSeconds());
    listener.context = std::move(context);
  } else if (!listener.ocsp.Look(*listener.context, UnixSeconds())) {
    return;
  }
  listener.context = listener.context->WithOcsp(listener.ocsp.responses());
  publish_(index, listener.context);
}

// Null: there is nothing new, or it can't be used.
std::shared_ptr<const TlsServerContext> ListenerTls::ReadCertificates(Listener& listener) {
  if (!listener.files.Changed()) return nullptr;
  std::string error;
  auto context = TlsServerContext::Make(listener.pairs, listener.options, &error);
  if (!context) {
    ++failures_;
    LogEvent(LogLevel::kError, "certificate_reload_failed", {{"listener", listener.address}, {"error", error}});
    return nullptr;
  }
  ++reloads_;
  LogEvent(LogLevel::kInfo, "certificate_reloaded", {{"listener", listener.address}});
  return context;
}

void ListenerTls::Rotate() {
  auto next = tickets_->Rotated();
  if (!next) return;  // asked again at the next look
  rotated_ = loop_.Now();
  tickets_ = std::move(next);
  for (size_t i = 0; i < listeners_.size(); ++i) {
    Listener& listener = listeners_[i];
    if (!listener.context) continue;
    listener.options.tickets = tickets_;
    listener.context = listener.context->WithTickets(tickets_);
    publish_(i, listener.context);
  }
}

void ListenerTls::Fill(Status* status) const {
  for (const Listener& listener : listeners_) {
    if (!listener.context) continue;
    for (const TlsServerContext::Expiry& expiry : listener.context->Expiries()) {
      const auto same = [&](const CertificateStatus& known) { return known.file == expiry.file; };
      auto& all = status->certificates;
      if (expiry.file.empty() || std::any_of(all.begin(), all.end(), same)) continue;
      all.push_back({expiry.file, expiry.unix_s});
    }
    listener.ocsp.Fill(status);
  }
  status->certificate_reloads = reloads_;
  status->certificate_reloads_failed = failures_;
}

}  // namespace meridian
