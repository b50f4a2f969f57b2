#include "telemetry/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>
#include <vector>

#include "telemetry/descriptors.h"

namespace meridian {
namespace {

using ::meridian::testing::Descriptor;
using ::meridian::testing::IsNonBlocking;
using ::meridian::testing::ReadToEnd;
using ::meridian::testing::Redirect;
using nlohmann::json;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;

class EventLogTest : public ::testing::Test {
 protected:
  EventLogTest() { SetLogFormat(true); }
  ~EventLogTest() override {
    SetLogFormat(true);
    SetLogLevel(LogLevel::kInfo);
  }

  template <typename Action>
  static std::string Captured(Action action) {
    ::testing::internal::CaptureStderr();
    action();
    return ::testing::internal::GetCapturedStderr();
  }
};

TEST_F(EventLogTest, AnEventIsOneJsonLineWithTimeLevelNameAndFields) {
  const std::string line = Captured([] {
    LogEvent(LogLevel::kWarning, "breaker_opened", {{"service", "shop"}, {"region", "eu-west-1"}});
  });
  EXPECT_THAT(line, EndsWith("}\n"));
  const json event = json::parse(line);
  EXPECT_EQ(event["level"], "warning");
  EXPECT_EQ(event["event"], "breaker_opened");
  EXPECT_EQ(event["service"], "shop");
  EXPECT_EQ(event["region"], "eu-west-1");
  EXPECT_THAT(event["time"].get<std::string>(),
              MatchesRegex("[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\\.[0-9]{6}Z"));
}

TEST_F(EventLogTest, NoValueCanForgeASecondLine) {
  const std::string nasty = "x\"}\n{\"event\":\"forged\" \xff \x1b[2J %s {}";
  for (const bool as_json : {true, false}) {
    SetLogFormat(as_json);
    const std::string text = Captured([&] { LogEvent(LogLevel::kInfo, "config_loaded", {{"file", nasty}}); });
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1);
    EXPECT_THAT(text, HasSubstr(R"(\u000a)"));
    EXPECT_THAT(text, HasSubstr(R"(\u00ff \u001b[2J %s {})"));
    if (as_json) {
      EXPECT_NO_THROW(json::parse(text));
    }
  }
}

TEST_F(EventLogTest, ALineIsNeverLongerThanAPipeTakesWhole) {
  const std::string nasty(20'000, '\x01'), word(20'000, 'x');
  for (const bool as_json : {true, false}) {
    SetLogFormat(as_json);
    const std::string line = Captured([&] {
      LogEvent(LogLevel::kInfo, "certificate_reload_failed", {{"error", nasty}, {"file", word}, {"why", nasty}});
    });
    EXPECT_LE(line.size(), 4096u);
    EXPECT_GT(line.size(), 3000u) << "what there is room for is shown";
    EXPECT_THAT(line, HasSubstr("why"));
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    EXPECT_TRUE(!as_json || json::accept(line)) << line;
  }
}

TEST_F(EventLogTest, OnATerminalAnEventIsShortText) {
  SetLogFormat(false);
  const std::string text = Captured([] {
    LogEvent(LogLevel::kInfo, "listening", {{"address", "[::]:8443"}, {"note", "two words"}, {"empty", ""}});
  });
  EXPECT_THAT(text, EndsWith(" listening address=[::]:8443 note=\"two words\" empty=\"\"\n"));
  EXPECT_THAT(text, HasSubstr(" info "));
}

TEST_F(EventLogTest, WhatIsBelowTheLevelIsSilent) {
  SetLogLevel(LogLevel::kWarning);
  const std::string text = Captured([] {
    LogEvent(LogLevel::kDebug, "a");
    LogEvent(LogLevel::kInfo, "b");
    LogEvent(LogLevel::kWarning, "c");
    LogEvent(LogLevel::kError, "d");
  });
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 2);
}

TEST_F(EventLogTest, LinesOfManyThreadsDoNotMix) {
  const std::string text = Captured([] {
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([] {
        for (int i = 0; i < 200; ++i) LogEvent(LogLevel::kInfo, "tick", {{"text", std::string(300, 'x')}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  std::istringstream lines(text);
  int count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_NO_THROW(json::parse(line));
  EXPECT_EQ(count, 800);
}

TEST_F(EventLogTest, AStoppedReaderOfStderrBlocksNobodyAndIsCounted) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Descriptor reader(ends[0]);
  Descriptor shared(ends[1]);
  const uint64_t before = DroppedLogEvents();
  int written = 0;
  {
    const Redirect to_pipe(STDERR_FILENO, shared.get());
    while (DroppedLogEvents() == before && written < 10'000) {
      LogEvent(LogLevel::kInfo, "tick", {{"text", std::string(1000, 'x')}});  // returns: that is the test
      ++written;
    }
    EXPECT_FALSE(IsNonBlocking(STDERR_FILENO)) << "the shell's stderr must stay as it was";
  }
  EXPECT_EQ(DroppedLogEvents(), before + 1);
  LogEvent(LogLevel::kDebug, "unseen");
  Captured([] { LogEvent(LogLevel::kInfo, "elsewhere"); });  // lets go of the pipe
  shared.Close();
  const std::string text = ReadToEnd(reader.get());
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), written - 1);
}

TEST_F(EventLogTest, AClosedStderrIsCountedAndHarmless) {
  const uint64_t before = DroppedLogEvents();
  const Descriptor saved(dup(STDERR_FILENO));
  close(STDERR_FILENO);
  LogEvent(LogLevel::kInfo, "unheard");
  dup2(saved.get(), STDERR_FILENO);
  EXPECT_EQ(DroppedLogEvents(), before + 1);
}

}  // namespace
}  // namespace meridian
