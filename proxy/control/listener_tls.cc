#include "control/listener_tls.h"

#include <sys/stat.h>

#include <algorithm>

#include "telemetry/log.h"

namespace meridian {
namespace {

int64_t Nanoseconds(const timespec& t) { return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; }

}  // namespace

ListenerTls::ListenerTls(Loop& loop)
    : loop_(loop), rotated_(loop.Now()), timer_(loop, Bind<&ListenerTls::OnTimer>(this)) {}

ListenerTls::~ListenerTls() = default;

std::unique_ptr<ListenerTls> ListenerTls::Make(Loop& loop, const std::vector<ListenerConfig>& listeners,
                                               std::shared_ptr<const TlsKeyLog> key_log, std::string* error) {
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
    for (const CertificateConfig& c : config.certificates) {
      listener.pairs.push_back({c.certificate, c.key, c.inline_pem});
      if (c.inline_pem) continue;
      listener.files.insert(listener.files.end(), {c.certificate, c.key});
    }
    if (!config.tls.client_ca_file.empty()) listener.files.push_back(config.tls.client_ca_file);
    listener.tried = listener.seen = Look(listener.files);
    listener.context = TlsServerContext::Make(listener.pairs, listener.options, error);
    if (!listener.context) return nullptr;
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

std::vector<ListenerTls::File> ListenerTls::Look(const std::vector<std::string>& files) {
  std::vector<File> found;
  for (const std::string& path : files) {
    File& file = found.emplace_back();
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) continue;
    file = {info.st_dev, info.st_ino, info.st_size, Nanoseconds(info.st_mtim), Nanoseconds(info.st_ctim)};
  }
  return found;
}

// A certificate and its key are two files: what changes between two looks is not read yet.
void ListenerTls::Refresh(size_t index) {
  Listener& listener = listeners_[index];
  if (listener.files.empty()) return;
  std::vector<File> now = Look(listener.files);
  const bool still = now == listener.seen;
  listener.seen = now;
  if (!still || now == listener.tried) return;
  listener.tried = std::move(now);
  std::string error;
  auto context = TlsServerContext::Make(listener.pairs, listener.options, &error);
  if (!context) {
    ++failures_;
    LogEvent(LogLevel::kError, "certificate_reload_failed", {{"listener", listener.address}, {"error", error}});
    return;
  }
  ++reloads_;
  LogEvent(LogLevel::kInfo, "certificate_reloaded", {{"listener", listener.address}});
  listener.context = std::move(context);
  publish_(index, listener.context);
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
  }
  status->certificate_reloads = reloads_;
  status->certificate_reloads_failed = failures_;
}

}  // namespace meridian
