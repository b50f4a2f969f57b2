#include "telemetry/log.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>

#include "telemetry/json_text.h"
#include "telemetry/output.h"

namespace meridian {
namespace {

constexpr char kJsonPattern[] = R"({"time":"%Y-%m-%dT%H:%M:%S.%fZ","level":"%l",%v})";
constexpr char kTextPattern[] = "%H:%M:%S.%e %-7l %v";

// Drops a line rather than wait for stderr's reader: an event may come from a worker.
class StderrSink : public spdlog::sinks::base_sink<std::mutex> {
 public:
  uint64_t dropped() const { return dropped_.load(std::memory_order_relaxed); }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    // After half a line, a newline keeps the next one readable.
    if (cut_) line.push_back('\n');
    formatter_->format(message, line);
    if (!WriteAll({line.data(), line.size()})) dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  void flush_() override {}

 private:
  bool WriteAll(std::string_view rest) {
    // Stderr can be redirected while we run; look before each line.
    if (!output_ || !output_->IsSameAs(STDERR_FILENO)) output_ = Output::Share(STDERR_FILENO);
    if (!output_) return false;
    while (!rest.empty()) {
      const ssize_t n = output_->WriteSome(rest);
      if (n <= 0) return false;
      rest.remove_prefix(static_cast<size_t>(n));
      cut_ = !rest.empty();
    }
    return true;
  }

  std::unique_ptr<Output> output_;
  bool cut_ = false;
  std::atomic<uint64_t> dropped_{0};
};

std::unique_ptr<spdlog::logger> MakeLogger(std::shared_ptr<StderrSink> sink) {
  auto logger = std::make_unique<spdlog::logger>("events", std::move(sink));
  logger->set_level(spdlog::level::info);
  return logger;
}

// One logger per format, since a pattern can't change while other threads log.
struct EventLog {
  EventLog() : json_sink(std::make_shared<StderrSink>()), text_sink(std::make_shared<StderrSink>()) {
    const auto utc = spdlog::pattern_time_type::utc;
    json_sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(kJsonPattern, utc));
    text_sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(kTextPattern));
    json_logger = MakeLogger(json_sink);
    text_logger = MakeLogger(text_sink);
  }
  std::shared_ptr<StderrSink> json_sink, text_sink;
  std::unique_ptr<spdlog::logger> json_logger, text_logger;
  std::atomic<bool> json{isatty(STDERR_FILENO) != 1};
};

// Never destroyed: threads may log until the process is gone.
EventLog& Log() {
  static EventLog& log = *new EventLog;
  return log;
}

spdlog::level::level_enum ToSpdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

bool IsBareWord(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > ' ' && c < '\x7f' && c != '"' && c != '\\' && c != '=';
  });
}

// A line stays whole on a pipe that others write to as well, so long values are cut: each gets what those behind it
// leave, and at least a little.
constexpr size_t kRoom = kWholeLine - 128;  // without time and level
constexpr size_t kLeastValue = 64;

size_t RoomFor(const std::string& line, size_t fields_after) {
  const size_t taken = line.size() + fields_after * 2 * kLeastValue;
  return taken + kLeastValue < kRoom ? kRoom - taken : kLeastValue;
}

std::string JsonMembers(std::string_view event, std::initializer_list<LogField> fields) {
  std::string line = "\"event\":";
  AppendJsonString(event, &line);
  size_t after = fields.size();
  for (const auto& [name, value] : fields) {
    line += ',';
    AppendJsonString(name, &line);
    line += ':';
    AppendJsonString(value, RoomFor(line, --after), &line);
  }
  return line;
}

std::string Text(std::string_view event, std::initializer_list<LogField> fields) {
  std::string line(event);
  size_t after = fields.size();
  for (const auto& [name, value] : fields) {
    line.append(" ").append(name).append("=");
    const size_t room = RoomFor(line, --after);
    if (IsBareWord(value)) {
      line += value.substr(0, room);
    } else {
      AppendJsonString(value, room, &line);
    }
  }
  return line;
}

}  // namespace

void LogEvent(LogLevel level, std::string_view event, std::initializer_list<LogField> fields) {
  EventLog& log = Log();
  const bool json = log.json.load(std::memory_order_relaxed);
  spdlog::logger& logger = json ? *log.json_logger : *log.text_logger;
  if (!logger.should_log(ToSpdlog(level))) return;
  const std::string line = json ? JsonMembers(event, fields) : Text(event, fields);
  logger.log(ToSpdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

void SetLogLevel(LogLevel level) {
  Log().json_logger->set_level(ToSpdlog(level));
  Log().text_logger->set_level(ToSpdlog(level));
}

void SetLogFormat(bool json) { Log().json.store(json, std::memory_order_relaxed); }

uint64_t DroppedLogEvents() { return Log().json_sink->dropped() + Log().text_sink->dropped(); }

}  // namespace meridian
