#include "control/ocsp_files.h"

#include <algorithm>
#include <ctime>

#include "net/regular_file.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

std::string TimeText(int64_t unix_s) {
  const time_t time = unix_s;
  tm broken_down{};
  char text[32];
  gmtime_r(&time, &broken_down);
  return {text, strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &broken_down)};
}

// What is wrong with its times, or nothing.
std::string TimeProblem(const OcspResponse& response, int64_t now) {
  if (now >= response.until_unix_s - OcspFiles::kMargin) return "expired at " + TimeText(response.until_unix_s);
  if (now < response.from_unix_s - OcspFiles::kClockSkew) return "is not good before " + TimeText(response.from_unix_s);
  return "";
}

// When it may be stapled, if that is to come; else 0.
int64_t WhenGood(const OcspResponse* response, int64_t now) {
  if (!response) return 0;
  const int64_t from = response->from_unix_s - OcspFiles::kClockSkew;
  return now < from ? from : 0;
}

}  // namespace

OcspFiles::OcspFiles(const std::vector<CertificateConfig>& certificates) : responses_(certificates.size()) {
  for (const CertificateConfig& c : certificates) {
    Item& item = items_.emplace_back();
    if (!c.inline_pem) item.certificate = c.certificate;
    item.file = c.ocsp_file;
    if (!item.file.empty()) item.watch = WatchedFiles({item.file});
  }
}

std::shared_ptr<const OcspResponse> OcspFiles::Read(size_t index, const TlsServerContext& context, int64_t now,
                                                    std::string* error) const {
  const Item& item = items_[index];
  std::string der;
  std::string why;
  std::shared_ptr<const OcspResponse> response;
  std::string problem;
  if (!ReadRegularFile(item.file, kMaxOcspBytes, &der, &why)) {
    problem = "cannot be read: " + why;
  } else if (der.size() > kMaxOcspBytes) {
    problem = "has more than 64 KiB";
  } else {
    response = context.CheckOcsp(index, std::move(der), &problem);
  }
  if (response) problem = TimeProblem(*response, now);
  *error = problem.empty() ? "" : "the OCSP response in " + item.file + " " + problem;
  return response;
}

bool OcspFiles::Load(const TlsServerContext& context, int64_t now, std::string* error) {
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    if (!item.file.empty()) {
      auto response = Read(i, context, now, error);
      if (!response) return false;
      item.until_unix_s = response->until_unix_s;
      item.take_at = WhenGood(response.get(), now);
      if (error->empty()) {
        responses_[i] = std::move(response);
      } else {
        Refused(item, *error);
      }
    }
    WarnIfMissing(i, context);
  }
  return true;
}

bool OcspFiles::Look(const TlsServerContext& context, int64_t now) {
  bool changed = false;
  for (size_t i = 0; i < items_.size(); ++i) {
    Item& item = items_[i];
    const bool due = item.take_at != 0 && now >= item.take_at;
    if ((item.watch.Changed() || due) && Take(i, context, now)) changed = true;
    if (!responses_[i] || now < responses_[i]->until_unix_s - kMargin) continue;
    LogEvent(LogLevel::kError, "ocsp_response_expired", {{"file", item.file}, {"until", TimeText(item.until_unix_s)}});
    responses_[i] = nullptr;
    changed = true;
    WarnIfMissing(i, context);
  }
  return changed;
}

void OcspFiles::Reload(const TlsServerContext& context, int64_t now) {
  for (size_t i = 0; i < items_.size(); ++i) {
    if (items_[i].file.empty()) {
      WarnIfMissing(i, context);
      continue;
    }
    if (Take(i, context, now)) continue;
    // Another pair of the listener may be the one that changed.
    std::string ignored;
    if (responses_[i]) responses_[i] = context.CheckOcsp(i, responses_[i]->der, &ignored);
    if (responses_[i]) continue;
    items_[i].until_unix_s = 0;
    WarnIfMissing(i, context);
  }
}

// False: what was before stays.
bool OcspFiles::Take(size_t index, const TlsServerContext& context, int64_t now) {
  Item& item = items_[index];
  std::string error;
  auto response = Read(index, context, now, &error);
  item.take_at = WhenGood(response.get(), now);
  if (!error.empty()) {
    Refused(item, error);
    return false;
  }
  ++reloads_;
  item.until_unix_s = response->until_unix_s;
  LogEvent(LogLevel::kInfo, "ocsp_reloaded", {{"file", item.file}, {"until", TimeText(item.until_unix_s)}});
  responses_[index] = std::move(response);
  return true;
}

void OcspFiles::Refused(const Item& item, const std::string& error) {
  ++failures_;
  LogEvent(LogLevel::kError, "ocsp_reload_failed", {{"file", item.file}, {"error", error}});
}

void OcspFiles::WarnIfMissing(size_t index, const TlsServerContext& context) const {
  if (responses_[index] || !context.MustStaple(index)) return;
  LogEvent(LogLevel::kWarning, "ocsp_response_missing",
           {{"certificate", items_[index].certificate},
            {"meaning", "it says that clients must insist on one (must-staple), and some will refuse it"}});
}

void OcspFiles::Fill(Status* status) const {
  for (const Item& item : items_) {
    if (item.file.empty()) continue;
    auto& all = status->ocsp;
    const auto same = [&](const OcspStatus& known) { return known.file == item.file; };
    if (std::any_of(all.begin(), all.end(), same)) continue;
    all.push_back({item.file, item.until_unix_s});
  }
  status->ocsp_reloads += reloads_;
  status->ocsp_reloads_failed += failures_;
}

}  // namespace meridian
