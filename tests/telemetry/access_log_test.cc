#include "telemetry/access_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <nlohmann/json.hpp>
#include <random>
#include <sstream>
#include <thread>
#include <vector>

#include "telemetry/descriptors.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

using ::meridian::testing::Descriptor;
using ::meridian::testing::Eventually;
using ::meridian::testing::Folder;
using ::meridian::testing::IsNonBlocking;
using ::meridian::testing::ReadFile;
using ::meridian::testing::ReadToEnd;
using ::meridian::testing::Redirect;
using nlohmann::json;
using ::testing::HasSubstr;

std::string Line(const AccessRecord& record) {
  std::string line;
  FormatAccessRecord(record, &line);
  return line;
}

json Parsed(const AccessRecord& record) {
  const std::string line = Line(record);
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "a record is one line";
  return json::parse(line);
}

std::string PathInLog(std::string_view path) {
  AccessRecord record;
  record.path = path;
  const std::string line = Line(record);
  const size_t start = line.find("\"path\":\"") + 8;
  return line.substr(start, line.find("\",\"request_id\"") - start);
}

TEST(AccessLogLine, TellsTheWholeStoryOfARequestThatFailedOver) {
  const std::array<AttemptRecord, 2> attempts = {{
      {"eu-west-1", "http://192.0.2.1:80", "preferred", "192.0.2.1:80", 0, "connect_failed", "", 120us, 1503us, false},
      {"us-east-1", "h2c://192.0.2.2:80", "failover", "[2001:db8::2]:80", 200, "", "", 1700us, 80ms, true},
  }};
  AccessRecord record;
  record.unix_us = 1'709'210'096'000'042;  // a 29th of February
  record.client = "203.0.113.7";
  record.protocol = "HTTP/2";
  record.method = "GET";
  record.authority = "shop.example";
  record.path = "/api/cart";
  record.request_id = "5f2a";
  record.route = "shop-api";
  record.service = "shop";
  record.region = "us-east-1";
  record.status = 200;
  record.end = "complete";
  record.bytes_in = 0;
  record.bytes_out = 10'737'418'240;
  record.duration = 90'123'456ns;
  record.head_time = 81'700us;
  record.attempts = attempts;
  EXPECT_EQ(Line(record),
            R"({"time":"2024-02-29T12:34:56.000042Z","client":"203.0.113.7","protocol":"HTTP/2","method":"GET",)"
            R"("authority":"shop.example","path":"/api/cart","request_id":"5f2a","route":"shop-api","service":"shop",)"
            R"("region":"us-east-1","status":200,"end":"complete","bytes_in":0,"bytes_out":10737418240,)"
            R"("duration_ms":90.123,"head_ms":81.700,"attempts":[)"
            R"({"region":"eu-west-1","origin":"http://192.0.2.1:80","reason":"preferred",)"
            R"("address":"192.0.2.1:80","error":"connect_failed",)"
            R"("start_ms":0.120,"time_ms":1.503,"reused":false},)"
            R"({"region":"us-east-1","origin":"h2c://192.0.2.2:80","reason":"failover",)"
            R"("address":"[2001:db8::2]:80","status":200,)"
            R"("start_ms":1.700,"time_ms":80.000,"reused":true}]})"
            "\n");
}

TEST(AccessLogLine, SaysNullOrNothingForWhatDidNotHappen) {
  const json line = Parsed(AccessRecord{});
  EXPECT_EQ(line["status"], 0);
  EXPECT_EQ(line["head_ms"], nullptr);
  EXPECT_EQ(line["route"], "");
  EXPECT_EQ(line["attempts"], json::array());
  EXPECT_FALSE(line.contains("fail_open"));
}

TEST(AccessLogLine, MarksRequestsThatWereSentAlthoughNoRegionWasEligible) {
  AccessRecord record;
  record.fail_open = true;
  EXPECT_EQ(Parsed(record)["fail_open"], true);
}

TEST(AccessLogLine, KeepsTheQueryOut) {
  EXPECT_EQ(PathInLog("/login?token=secret"), "/login");
  EXPECT_EQ(PathInLog("?token=secret?"), "");
}

TEST(AccessLogLine, ShowsEachByteThatIsNotUtf8AsItsNumber) {
  EXPECT_EQ(PathInLog("/\xff/\xc3(\xa9"), R"(/\u00ff/\u00c3(\u00a9)");
  EXPECT_EQ(PathInLog("\xc0\xaf"), R"(\u00c0\u00af)");                      // overlong slash
  EXPECT_EQ(PathInLog("\xe0\x80\xaf"), R"(\u00e0\u0080\u00af)");            // overlong
  EXPECT_EQ(PathInLog("\xed\xa0\x80"), R"(\u00ed\u00a0\u0080)");            // surrogate
  EXPECT_EQ(PathInLog("\xf4\x90\x80\x80"), R"(\u00f4\u0090\u0080\u0080)");  // above U+10FFFF
  EXPECT_EQ(PathInLog("\xf0\x9f\x98"), R"(\u00f0\u009f\u0098)");            // cut off
}

TEST(AccessLogLine, LeavesValidUtf8Alone) {
  for (const char* path : {"/caf\xc3\xa9", "/\xe2\x82\xac", "/\xf0\x9f\x98\x80", "/\xef\xbf\xbf", "/\xee\x80\x80"}) {
    EXPECT_EQ(PathInLog(path), path);
  }
}

TEST(AccessLogLine, EscapesWhatCouldBreakTheLineOrSteerATerminal) {
  EXPECT_EQ(PathInLog("/\"\\\n\r\t\x1b[2J\x7f\xc2\x9b"), R"(/\"\\\u000a\u000d\u0009\u001b[2J\u007f\u009b)");
  EXPECT_EQ(PathInLog(std::string_view("/\0x", 3)), R"(/\u0000x)");
}

TEST(AccessLogLine, IsValidJsonWhateverBytesAClientSends) {
  std::mt19937 random(7);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random() % 3 == 0 ? 0xc0 + random() % 64 : random() % 256);
    AccessRecord record;
    record.authority = record.request_id = record.method = record.client = bytes;
    record.path = bytes;
    EXPECT_NO_THROW(Parsed(record)) << json(std::vector<int>(bytes.begin(), bytes.end()));
  }
}

// PIPE_BUF: beyond it another writer to the same pipe may come between.
TEST(AccessLogLine, IsNeverLongerThanAPipeTakesWhole) {
  const std::string hostile(40'000, '\x01');
  std::vector<AttemptRecord> attempts(100, {"eu-west-1", "https://a-rather-long-name-of-an-origin.region.example:8443",
                                            "preferred", "", 0, "connect_failed", "", 1s, 1s, true});
  AccessRecord record;
  record.authority = record.request_id = record.method = record.path = hostile;
  record.attempts = attempts;
  const std::string line = Line(record);
  EXPECT_LE(line.size(), 4096u);
  const json parsed = json::parse(line);
  EXPECT_EQ(parsed["path_bytes"], 40'000);
  EXPECT_GE(parsed["attempts"].size(), 3u) << "the first ones tell how it began";
  EXPECT_EQ(parsed["attempts"].size() + parsed["attempts_left_out"].get<size_t>(), 100u);
}

TEST(AccessLogLine, ShowsUsualPathsAndAttemptsWhole) {
  std::string path = "/";
  while (path.size() < 1536) path += "caf\xC3\xA9/";
  path.resize(1536, 'x');
  const std::vector<AttemptRecord> attempts(
      5, {"eu-west-1", "http://192.0.2.1:80", "failover", "", 503, "", "", 1s, 1s, false});
  AccessRecord record;
  record.path = path;
  record.attempts = attempts;
  const json parsed = Parsed(record);
  EXPECT_EQ(parsed["path"], path);
  EXPECT_FALSE(parsed.contains("path_bytes"));
  EXPECT_EQ(parsed["attempts"].size(), 5u);
}

class AccessLog : public ::testing::Test {
 protected:
  AccessLog() {
    SetLogFormat(true);
    SetLogLevel(LogLevel::kError);
  }
  ~AccessLog() override { SetLogLevel(LogLevel::kInfo); }

  static std::unique_ptr<AccessLogWriter> Open(const std::string& path) {
    std::string error;
    auto writer = AccessLogWriter::Open(path, &error);
    EXPECT_NE(writer, nullptr) << error;
    return writer;
  }
  static bool Submit(AccessLogWriter& writer, std::string lines) { return writer.Submit(&lines); }

  // Submits buffers of one numbered line of `size` bytes each until one is refused. Returns the lines that were taken.
  static std::string SubmitUntilFull(AccessLogWriter& writer, size_t size) {
    std::string taken;
    for (int i = 0; i < 1000; ++i) {
      std::string line = std::to_string(i) + " ";
      line.resize(size - 1, static_cast<char>('a' + i % 26));
      line += '\n';
      if (!Submit(writer, line)) return taken;
      taken += line;
    }
    ADD_FAILURE() << "the queue has no bound";
    return taken;
  }

  std::string MakeFifo() {
    const std::string path = folder.File("fifo");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return path;
  }

  Folder folder;
};

TEST_F(AccessLog, AppendsEveryLineInOrderBeforeItCloses) {
  const std::string path = folder.File("access.log");
  std::string expected;
  for (int run = 0; run < 2; ++run) {
    const auto writer = Open(path);
    for (int i = 0; i < 50; ++i) {
      const std::string line = std::to_string(run) + "." + std::to_string(i) + "\n";
      EXPECT_TRUE(Submit(*writer, line));
      expected += line;
    }
  }
  EXPECT_EQ(ReadFile(path), expected);
}

TEST_F(AccessLog, HandsBackAnEmptyBuffer) {
  const auto writer = Open(folder.File("access.log"));
  std::string buffer = "line\n";
  EXPECT_TRUE(writer->Submit(&buffer));
  EXPECT_TRUE(buffer.empty());
  EXPECT_TRUE(writer->Submit(&buffer));
}

TEST_F(AccessLog, TakesLinesOfManyWorkersAtOnceAndLosesNoneUncounted) {
  const std::string path = folder.File("access.log");
  std::atomic<int> taken{0};
  {
    const auto writer = Open(path);
    std::vector<std::thread> workers;
    for (int w = 0; w < 4; ++w) {
      workers.emplace_back([&] {
        for (int i = 0; i < 500; ++i) taken += Submit(*writer, "a line\n") ? 1 : 0;
      });
    }
    for (std::thread& worker : workers) worker.join();
  }
  const std::string text = ReadFile(path);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), taken.load());
}

TEST_F(AccessLog, APathThatCannotBeOpenedIsToldWithTheReason) {
  std::string error;
  EXPECT_EQ(AccessLogWriter::Open(folder.File("no/such/folder.log"), &error), nullptr);
  EXPECT_THAT(error, HasSubstr("No such file or directory"));
  EXPECT_EQ(AccessLogWriter::Open(MakeFifo(), &error), nullptr);
  EXPECT_THAT(error, HasSubstr("nothing reads this pipe"));
}

TEST_F(AccessLog, AStoppedPipeReaderBlocksNeitherWorkersNorTheExit) {
  const std::string path = MakeFifo();
  const Descriptor reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  auto writer = Open(path);
  const std::string taken = SubmitUntilFull(*writer, 65536);  // returns: that is the test
  const size_t buffers = taken.size() / 65536;
  EXPECT_GE(buffers, AccessLogWriter::kQueue);
  EXPECT_LE(buffers, AccessLogWriter::kQueue + 2);  // one in the writer's hand, one in the pipe
  std::string refused = "lost\n";
  EXPECT_FALSE(writer->Submit(&refused));
  EXPECT_TRUE(refused.empty());

  const auto start = std::chrono::steady_clock::now();
  writer.reset();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);  // 1 s, and room for a busy machine
}

TEST_F(AccessLog, APipeReaderThatGoesOnGetsEveryLineThatWasTakenWhole) {
  const std::string path = MakeFifo();
  const Descriptor reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  auto writer = Open(path);
  const std::string taken = SubmitUntilFull(*writer, 3001);
  fcntl(reader.get(), F_SETFL, 0);
  auto seen = std::async(std::launch::async, [&] { return ReadToEnd(reader.get()); });
  writer.reset();
  EXPECT_EQ(seen.get(), taken);
}

TEST_F(AccessLog, LinesOfSeveralWritersToOnePipeStayWhole) {
  const std::string path = MakeFifo();
  const Descriptor reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  std::array<std::unique_ptr<AccessLogWriter>, 3> writers;
  for (auto& writer : writers) writer = Open(path);
  fcntl(reader.get(), F_SETFL, 0);
  auto seen = std::async(std::launch::async, [&] { return ReadToEnd(reader.get()); });
  for (size_t i = 0; i < 600; ++i) {
    AccessRecord record;
    const std::string target = "/" + std::string(500 * (i % 16), static_cast<char>('a' + i % 3));
    record.path = target;
    std::string lines;
    for (int repeat = 0; repeat < 10; ++repeat) FormatAccessRecord(record, &lines);
    while (!Submit(*writers[i % 3], lines)) std::this_thread::yield();
  }
  for (auto& writer : writers) writer.reset();
  std::istringstream lines(seen.get());
  size_t count = 0;
  for (std::string line; std::getline(lines, line); ++count) EXPECT_TRUE(json::accept(line)) << line;
  EXPECT_EQ(count, 6000u);
}

TEST_F(AccessLog, LinesLongerThanAPipeTakesAtOnceArriveUnharmed) {
  const std::string path = MakeFifo();
  const Descriptor reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  auto writer = Open(path);
  const std::string taken = SubmitUntilFull(*writer, 10'000);
  fcntl(reader.get(), F_SETFL, 0);
  auto seen = std::async(std::launch::async, [&] { return ReadToEnd(reader.get()); });
  writer.reset();
  EXPECT_EQ(seen.get(), taken);
}

TEST_F(AccessLog, AStoppedReaderOfASharedStdoutPipeIsLeftBlockingForEverybodyElse) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Descriptor reader(ends[0]), shared(ends[1]);
  std::unique_ptr<AccessLogWriter> writer;
  {
    const Redirect to_pipe(STDOUT_FILENO, shared.get());
    writer = Open("stdout");
  }
  SubmitUntilFull(*writer, 65536);
  EXPECT_FALSE(IsNonBlocking(shared.get()));
  writer.reset();  // returns
  EXPECT_FALSE(IsNonBlocking(shared.get()));
}

TEST_F(AccessLog, AStoppedReaderOfASocketBlocksNobodyEither) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const Descriptor reader(ends[0]), shared(ends[1]);
  std::unique_ptr<AccessLogWriter> writer;
  {
    const Redirect to_socket(STDERR_FILENO, shared.get());
    writer = Open("stderr");
  }
  SubmitUntilFull(*writer, 65536);
  EXPECT_FALSE(IsNonBlocking(shared.get()));
  writer.reset();  // returns
}

TEST_F(AccessLog, AFullDiskIsCountedAndReportedOnce) {
  ::testing::internal::CaptureStderr();
  {
    const auto writer = Open("/dev/full");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(Submit(*writer, "one\ntwo\n"));
    EXPECT_TRUE(Eventually([&] { return writer->write_errors() == 6; }));
  }
  const json event = json::parse(::testing::internal::GetCapturedStderr());
  EXPECT_EQ(event["event"], "access_log_write_failed");
  EXPECT_EQ(event["error"], "No space left on device");
}

TEST_F(AccessLog, AReaderThatWentAwayIsCountedAndKillsNobody) {
  const std::string path = MakeFifo();
  Descriptor reader(open(path.c_str(), O_RDONLY | O_NONBLOCK));
  const auto writer = Open(path);
  reader.Close();
  EXPECT_TRUE(Submit(*writer, "one\ntwo\n"));
  EXPECT_TRUE(Eventually([&] { return writer->write_errors() == 2; }));
}

TEST_F(AccessLog, ADiskThatFillsUpInsideALineSpoilsThatLineAloneAndSpaceIsUsedAgain) {
  // The limit of a file's size stands for the disk's; the file starts so large that it concerns this file only.
  constexpr rlim_t kStart = rlim_t{1} << 30;
  const std::string path = folder.File("access.log");
  { const Descriptor created(open(path.c_str(), O_WRONLY | O_CREAT, 0600)); }
  std::filesystem::resize_file(path, kStart);
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit full{kStart + 10, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &full), 0);
  {
    SetLogLevel(LogLevel::kInfo);
    ::testing::internal::CaptureStderr();
    const auto writer = Open(path);
    EXPECT_TRUE(Submit(*writer, "first\nsecond\nthird\n"));
    EXPECT_TRUE(Eventually([&] { return writer->write_errors() == 2; }));
    ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
    EXPECT_TRUE(Submit(*writer, "fourth\n"));
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("access_log_write_recovered"));
  std::ifstream in(path);
  in.seekg(static_cast<std::streamoff>(kStart));
  const std::string text(std::istreambuf_iterator<char>(in), {});
  EXPECT_EQ(text, "first\nseco\nfourth\n");
}

TEST_F(AccessLog, RotationByRenameLosesNothing) {
  const std::string path = folder.File("access.log"), rotated = folder.File("access.log.1");
  {
    const auto writer = Open(path);
    EXPECT_TRUE(Submit(*writer, "before\n"));
    EXPECT_TRUE(Eventually([&] { return ReadFile(path) == "before\n"; }));
    std::filesystem::rename(path, rotated);
    writer->Reopen();
    EXPECT_TRUE(Submit(*writer, "after\n"));
  }
  EXPECT_EQ(ReadFile(rotated), "before\n");
  EXPECT_EQ(ReadFile(path), "after\n");
}

TEST_F(AccessLog, AReopenWithoutTrafficMakesTheNewFileAtOnce) {
  const std::string path = folder.File("access.log");
  const auto writer = Open(path);
  std::filesystem::remove(path);
  writer->Reopen();
  EXPECT_TRUE(Eventually([&] { return std::filesystem::exists(path); }));
}

TEST_F(AccessLog, AReopenThatFailsKeepsTheOldFileAndSaysSo) {
  std::filesystem::create_directory(folder.File("logs"));
  const std::string path = folder.File("logs/access.log");
  ::testing::internal::CaptureStderr();
  {
    const auto writer = Open(path);
    std::filesystem::rename(folder.File("logs"), folder.File("moved"));
    writer->Reopen();
    EXPECT_TRUE(Submit(*writer, "kept\n"));
  }
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), HasSubstr("access_log_reopen_failed"));
  EXPECT_EQ(ReadFile(folder.File("moved/access.log")), "kept\n");
}

}  // namespace
}  // namespace meridian
