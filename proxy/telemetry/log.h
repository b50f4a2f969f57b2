// The event log: state changes only, one line each, to stderr. Never per request (that is the access log).
//
// Thread-safe. JSON when stderr is not a terminal, short text when it is. Values are escaped; no user data but names
// from the config and what an operator sent to the admin API. Never waits for stderr's reader: what does not go out at
// once is dropped and counted.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace meridian {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

using LogField = std::pair<std::string_view, std::string>;
// LogEvent(LogLevel::kInfo, "breaker_opened", {{"service", "shop"}, {"region", "eu-west-1"}});
void LogEvent(LogLevel level, std::string_view event, std::initializer_list<LogField> fields = {});
// Silences everything below `level`; info at first.
void SetLogLevel(LogLevel level);
// Forces JSON or text.
void SetLogFormat(bool json);
// Lines lost because stderr did not take them, for metrics.
uint64_t DroppedLogEvents();

}  // namespace meridian
