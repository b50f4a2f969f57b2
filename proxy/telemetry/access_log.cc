#include "telemetry/access_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "telemetry/json_text.h"
#include "telemetry/output.h"

namespace meridian {
namespace {

// `key` with its punctuation: `,"route":`.
void AppendText(std::string_view key, std::string_view value, std::string* out) {
  out->append(key);
  AppendJsonString(value, out);
}

template <typename Number>
void AppendNumber(std::string_view key, Number value, std::string* out) {
  const fmt::format_int digits(value);
  out->append(key).append(digits.data(), digits.size());
}

// The last `width` digits of `value`, with leading zeros; fmt's "{:02}" takes several times as long.
void PutDigits(int64_t value, size_t width, char* at) {
  for (size_t i = width; i > 0; --i, value /= 10) at[i - 1] = static_cast<char>('0' + value % 10);
}

// Milliseconds with three decimals, without a detour over floating point.
void AppendMilliseconds(std::string_view key, Duration value, std::string* out) {
  const int64_t us = std::max<int64_t>(ToMicroseconds(value), 0);
  AppendNumber(key, us / 1000, out);
  char decimals[] = {'.', '0', '0', '0'};
  PutDigits(us % 1000, 3, decimals + 1);
  out->append(decimals, sizeof decimals);
}

// RFC 3339 in UTC, which has four digits for the year.
void AppendTime(int64_t unix_us, std::string* out) {
  using namespace std::chrono;
  const sys_time<microseconds> time{microseconds(unix_us)};
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const int64_t in_day = (time - day).count();
  char text[] = "\"0000-00-00T00:00:00.000000Z\"";
  PutDigits(static_cast<int>(date.year()), 4, text + 1);
  PutDigits(static_cast<unsigned>(date.month()), 2, text + 6);
  PutDigits(static_cast<unsigned>(date.day()), 2, text + 9);
  PutDigits(in_day / 3'600'000'000, 2, text + 12);
  PutDigits(in_day / 60'000'000 % 60, 2, text + 15);
  PutDigits(in_day / 1'000'000 % 60, 2, text + 18);
  PutDigits(in_day % 1'000'000, 6, text + 21);
  out->append(text, sizeof text - 1);
}

void AppendAttempt(const AttemptRecord& attempt, std::string* out) {
  AppendText("{\"region\":", attempt.region, out);
  AppendText(",\"origin\":", attempt.origin, out);
  AppendText(",\"reason\":", attempt.reason, out);
  if (!attempt.address.empty()) AppendText(",\"address\":", attempt.address, out);
  if (attempt.status != 0) AppendNumber(",\"status\":", attempt.status, out);
  if (!attempt.error.empty()) AppendText(",\"error\":", attempt.error, out);
  if (!attempt.why.empty()) AppendText(",\"why\":", attempt.why, out);
  AppendMilliseconds(",\"start_ms\":", attempt.start, out);
  AppendMilliseconds(",\"time_ms\":", attempt.time, out);
  out->append(attempt.reused ? ",\"reused\":true" : ",\"reused\":false");
  if (attempt.drill) out->append(",\"drill\":true");
  out->push_back('}');
}

// As many as fit into a line that began at `begin`.
void AppendAttempts(std::span<const AttemptRecord> attempts, size_t begin, std::string* out) {
  constexpr size_t kEnd = 48;  // room for what follows
  out->append(",\"attempts\":[");
  size_t i = 0;
  for (; i < attempts.size(); ++i) {
    const size_t before = out->size();
    if (i > 0) out->push_back(',');
    AppendAttempt(attempts[i], out);
    if (out->size() - begin <= kWholeLine - kEnd) continue;
    out->resize(before);
    break;
  }
  out->push_back(']');
  if (i < attempts.size()) AppendNumber(",\"attempts_left_out\":", attempts.size() - i, out);
}

// Of what clients make long. With everything else this leaves room for several attempts.
constexpr size_t kMaxMethod = 64, kMaxAuthority = 512, kMaxPath = 1536, kMaxRequestId = 256;

void AppendClipped(std::string_view key, std::string_view value, size_t most, std::string* out) {
  out->append(key);
  AppendJsonString(value, most, out);
}

void AppendPath(std::string_view path, std::string* out) {
  out->append(",\"path\":");
  if (!AppendJsonString(path, kMaxPath, out)) AppendNumber(",\"path_bytes\":", path.size(), out);
}

}  // namespace

void FormatAccessRecord(const AccessRecord& record, std::string* out) {
  const size_t begin = out->size();
  out->append("{\"time\":");
  AppendTime(record.unix_us, out);
  AppendText(",\"client\":", record.client, out);
  AppendText(",\"protocol\":", record.protocol, out);
  AppendClipped(",\"method\":", record.method, kMaxMethod, out);
  AppendClipped(",\"authority\":", record.authority, kMaxAuthority, out);
  AppendPath(record.path.substr(0, record.path.find('?')), out);
  AppendClipped(",\"request_id\":", record.request_id, kMaxRequestId, out);
  AppendText(",\"route\":", record.route, out);
  AppendText(",\"service\":", record.service, out);
  AppendText(",\"region\":", record.region, out);
  AppendNumber(",\"status\":", record.status, out);
  if (!record.grpc_status.empty()) out->append(",\"grpc_status\":").append(record.grpc_status);
  AppendText(",\"end\":", record.end, out);
  AppendNumber(",\"bytes_in\":", record.bytes_in, out);
  AppendNumber(",\"bytes_out\":", record.bytes_out, out);
  AppendMilliseconds(",\"duration_ms\":", record.duration, out);
  if (record.head_time > Duration::zero()) {
    AppendMilliseconds(",\"head_ms\":", record.head_time, out);
  } else {
    out->append(",\"head_ms\":null");
  }
  if (record.fail_open) out->append(",\"fail_open\":true");
  AppendAttempts(record.attempts, begin, out);
  out->append("}\n");
}

}  // namespace meridian
