// Clients that people really use, with their own ways with HTTP, get and bring whole bodies through the edge.
#include <algorithm>
#include <future>
#include <ostream>

#include "integration/clients.h"
#include "support/checked_origin.h"

namespace meridian::testing {
namespace {

struct Client {
  const char* name;
  Program (*program)();
  const char* protocol;
  const char* beside;  // what it knows of the checks of tests/clients that are not about bodies
  bool idle = true;    // it knows by itself that an idle connection was ended
  // Of the bodies, where only the usual ones are asked for. httpx 0.23 leaves Nagle's algorithm on: on loopback, with
  // its segments of 64 KiB, that is 40 ms for each window of an upload.
  size_t largest = 10u << 20;
};
void PrintTo(const Client& client, std::ostream* out) { *out << client.name; }

Program Go() { return GoProgram("client"); }
Program Node() { return NodeProgram("client"); }
Program Java() { return JavaProgram("Client"); }
Program Httpx() { return PythonProgram("httpx_client", {"httpx", "h2"}); }

// Java's and httpx's clients have no trailers, httpx shows no interim responses, and over HTTP/2 it finds out only by
// failing that an idle connection was ended (it drops one itself after five seconds).
constexpr Client kClients[] = {
    {"GoHttp1", Go, "h1", "trailers,interim,refuse,events"},
    {"GoHttp2", Go, "h2", "trailers,interim,refuse,events"},
    {"NodeHttp1", Node, "h1", "trailers,interim,refuse,events"},
    {"NodeHttp2", Node, "h2", "trailers,interim,refuse,events"},
    {"JavaHttp1", Java, "h1", "interim,refuse,events"},
    {"JavaHttp2", Java, "h2", "interim,refuse,events"},
    {"HttpxHttp1", Httpx, "h1", "refuse,events", true, 1u << 20},
    {"HttpxHttp2", Httpx, "h2", "refuse,events", false, 1u << 20},
};

std::vector<std::string> Arguments(const EdgeForClients& edge, const Client& client, const std::string& checks) {
  std::vector<std::string> arguments{edge.url(), edge.ca_file(), client.protocol, checks};
  for (const std::string& size : BodySizes(client.largest)) arguments.push_back(size);
  return arguments;
}

class RealClient : public ::testing::TestWithParam<Client> {
 protected:
  void SetUp() override {
    program_ = GetParam().program();
    MERIDIAN_REQUIRE_PROGRAM(program_);
  }
  void Run(const std::string& checks, const EdgeForClients& edge) {
    ExpectAllOk(RunToEnd(program_, Arguments(edge, GetParam(), checks), ClientLimit()));
  }
  Program program_;
};

TEST_P(RealClient, GetsAndBringsBodiesWhole) {
  CheckedOrigin origin;
  Run("down,up,small", EdgeForClients(origin.url()));
}

TEST_P(RealClient, HearsWhatComesBesideBodies) {
  CheckedOrigin origin;
  Run(GetParam().beside, EdgeForClients(origin.url()));
}

TEST_P(RealClient, IsServedByAnOriginOfHttp2AsWell) {
  const Program go = GoProgram("origin");
  MERIDIAN_REQUIRE_PROGRAM(go);
  const TempDir dir;
  const TestCertificates authority(dir);
  const CertificateFiles certificate = authority.Issue("origin", KeyKind::kEcdsa, {"origin.example"});
  const OriginProgram origin(go, {"h2", certificate.certificate, certificate.key});
  Run(std::string("down,up,small,") + GetParam().beside,
      EdgeForClients("h2://127.0.0.1:" + std::to_string(origin.port()),
                     "{ ca: " + authority.ca_file() + ", server_name: origin.example }"));
}

INSTANTIATE_TEST_SUITE_P(Clients, RealClient, ::testing::ValuesIn(kClients),
                         [](const auto& test) { return std::string(test.param.name); });

// All of them at once, since most of it is waiting.
TEST(IdleClients, OpenAnotherConnectionWhenTheirsWasEnded) {
  CheckedOrigin origin;
  EdgeForClients edge(origin.url(), "", "{ idle_timeout: 1s }");
  std::vector<std::pair<const Client*, std::future<RunResult>>> runs;
  for (const Client& client : kClients) {
    const Program program = client.program();
    if (!client.idle || !program.missing.empty()) continue;
    runs.emplace_back(&client, std::async(std::launch::async, RunToEnd, program, Arguments(edge, client, "idle"), 40s));
  }
  if (runs.empty()) GTEST_SKIP() << "none of these clients is installed";
  for (auto& [client, run] : runs) {
    SCOPED_TRACE(client->name);
    ExpectAllOk(run.get());
  }
}

// A page that fetches, listens and speaks, and tells the origin what it met.
TEST(Browser, ChromiumGetsAndBringsEverythingWhole) {
  MERIDIAN_REQUIRE_TOOL("chromium");
  CheckedOrigin origin;
  std::string address = "/checks?down,up,small,refuse,events,echo,closes,closed;";
  for (const std::string& size : BodySizes()) address += size + ",";
  address.pop_back();
  origin.AddPage(address, "text/html",
                 ReadFile(std::string(MERIDIAN_SOURCE_DIR) + "/tests/clients/chromium/page.html"));
  EdgeForClients edge(origin.url());
  const TempDir dir;
  Process chromium(
      dir, "chromium",
      {.argv = {"chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--no-first-run", "--disable-background-networking", "--disable-component-update",
                "--ignore-certificate-errors", "--user-data-dir=" + dir.MakeFolder("profile"), edge.url() + address},
       .env = {{"HOME", dir.path()}}});
  const std::string report = origin.WaitForReport(ClientLimit());
  EXPECT_TRUE(report.starts_with("ok ")) << "no report; it said: " << chromium.Err().substr(0, 2000);
  for (const std::string& line : Lines(report)) EXPECT_TRUE(line.starts_with("ok ")) << line;
  // What the page saw as a clean end, the origin saw as well: each of its codes, and that of each echo (none).
  const size_t ends = BodySizes().size() + 3;
  const std::vector<int> codes = origin.WaitForCloseCodes(ends, 2s);
  EXPECT_EQ(codes.size(), ends);
  for (const int code : {1000, 3000, 4999}) EXPECT_EQ(std::count(codes.begin(), codes.end(), code), 1) << code;
}

}  // namespace
}  // namespace meridian::testing
