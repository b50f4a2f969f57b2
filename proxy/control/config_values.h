// The small languages inside configuration values. Pure, any thread.
//
// Every parser returns the complaint, or an empty string and the value in *out. A complaint says what is wrong with the
// text or what it should look like; the caller puts the key's name before it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "meridian/status_set.h"
#include "meridian/time.h"
#include "policy/model.h"

namespace meridian {

// ASCII only: the locale has no say in protocols.
std::string Lower(std::string_view text);

// "800ms", "1.5s", "2m", "1h"; also "us". Exact: what is not a whole number of nanoseconds is refused.
std::string ParseDuration(std::string_view text, Duration* out);
// In the largest unit that keeps it whole.
std::string FormatDuration(Duration duration);

// "64KiB", "4096B", "4096".
std::string ParseSize(std::string_view text, uint64_t* out);
std::string FormatSize(uint64_t bytes);

// "99%", "0.0001%", in parts per million; 0…100 %, at most four decimals.
std::string ParsePercent(std::string_view text, uint32_t* ppm);
std::string FormatPercent(uint32_t ppm);

// A decimal whole number, and nothing else: no 0x, no 1e3.
std::string ParseInteger(std::string_view text, int64_t* out);
// A decimal number, finite.
std::string ParseNumber(std::string_view text, double* out);

// "503" or "502-504", into the set; `least` is the smallest status that makes sense there.
std::string ParseStatuses(std::string_view text, int least, StatusSet* out);

// What a listener binds, "0.0.0.0:8443" or "[::]:8443": an address in digits and a port, 0 included. "localhost" is
// 127.0.0.1.
std::string ParseListenAddress(std::string_view text, Endpoint* out);
bool IsLoopback(const Endpoint& endpoint);

// A name as DNS has it (letters, digits, '-', '_', '.'), or an IPv4 address.
std::string CheckHostName(std::string_view text);
// What a Host header may say: a name or [v6] literal, and perhaps a port.
std::string CheckHostHeader(std::string_view text);
// The host of a match: a name, an address or "*.suffix".
std::string CheckHostPattern(std::string_view text);
// Begins with '/', printable ASCII, no space, no '#'; '?' only where a query may follow.
std::string CheckPath(std::string_view text, bool query);
// Names of regions, services and routes stand in URLs, metrics and logs: 1–63 of [A-Za-z0-9_.-], first a letter or
// digit.
std::string CheckName(std::string_view text);

}  // namespace meridian
