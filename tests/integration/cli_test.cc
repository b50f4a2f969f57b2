// What an operator at a terminal relies on: exit codes, help, and errors that say where and what.
#include <sys/stat.h>

#include "integration/edge.h"
#include "support/certificates.h"

namespace meridian::testing {
namespace {

constexpr int kInvalid = 1;
constexpr int kUsage = 2;

RunResult Meridian(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), MeridianBinary());
  return RunProgram({.argv = std::move(arguments)}, 10s);
}

class Cli : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    WriteFile(dir_.File(name), text);
    return dir_.File(name);
  }
  std::string GoodConfig(const std::string& listener = "127.0.0.1:0") {
    const CertificateFiles files = TestCertificates(dir_).Issue("edge", KeyKind::kEcdsa, {"shop.example"});
    return "workers: 1\n"
           "edge: { name: fra-1, location: [50.11, 8.68] }\n"
           "listeners:\n"
           "  - address: " +
           listener + "\n    tls: { certificate: " + files.certificate + ", key: " + files.key +
           " }\n"
           "admin: { address: 127.0.0.1:0 }\n"
           "access_log: { enabled: true, path: stdout, format: json }\n"
           "regions:\n"
           "  eu-west-1: { location: [53.35, -6.26] }\n"
           "  us-east-1: { location: [38.95, -77.45] }\n"
           "services:\n"
           "  shop:\n"
           "    origins:\n"
           "      eu-west-1: [\"http://127.0.0.1:9001\"]\n"
           "      us-east-1: [\"h2c://127.0.0.1:9002\"]\n"
           "    health: { path: /healthz, interval: 1s, timeout: 800ms, fall: 3, rise: 2 }\n"
           "    failover: { statuses: [500, 502-504], attempts: 3 }\n"
           "  shop-v2: { origins: { eu-west-1: [\"http://127.0.0.1:9003\"] } }\n"
           "routes:\n"
           "  - name: shop-api\n"
           "    match: { host: shop.example, path: /api/ }\n"
           "    split: { shop: 99%, shop-v2: 1% }\n"
           "    steer: nearest\n";
  }

  TempDir dir_;
};

TEST_F(Cli, VersionSaysNameAndNumber) {
  const RunResult run = Meridian({"version"});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_NE(run.out.find("meridian"), std::string::npos) << run.out;
  EXPECT_NE(run.out.find_first_of("0123456789"), std::string::npos) << run.out;
}

// RunProgram gives them ten seconds; nobody ever writes into these pipes.
TEST_F(Cli, ValidateWaitsForNoPipe) {
  const std::string pipe = dir_.File("pipe");
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const RunResult config = Meridian({"validate", pipe});
  EXPECT_EQ(config.exit_code, kInvalid);
  EXPECT_NE(config.err.find("it is no regular file"), std::string::npos) << config.err;
  const std::string text =
      GoodConfig() + "  - name: page\n    match: { path: /page }\n    reply: { file: " + pipe + " }\n";
  const RunResult reply = Meridian({"validate", Write("edge.yaml", text)});
  EXPECT_EQ(reply.exit_code, kInvalid);
  EXPECT_NE(reply.err.find("it is no regular file"), std::string::npos) << reply.err;
}

TEST_F(Cli, ValidateSaysHowSoonEachServiceLeavesAFailingRegion) {
  const std::string file = Write("good.yaml", "failover_objective: 6s\n" + GoodConfig());
  const RunResult run = Meridian({"validate", file});
  EXPECT_EQ(run.exit_code, 0) << run.err;
  EXPECT_EQ(run.out, file +
                         ": ok\n"
                         "  shop leaves a failing region within 3.6 s: refused 1.75 s, black_hole 3.6 s, hang 3.6 s, "
                         "status 1.1 s, status_of_probes 1.75 s, broken_body 1.1 s; objective 6 s\n"
                         "  shop-v2 has one region and nowhere to go\n");
}

TEST_F(Cli, ValidateRefusesAnObjectiveThatTheKeysCannotKeep) {
  const std::string file = Write("late.yaml", "failover_objective: 2s\n" + GoodConfig());
  const RunResult run = Meridian({"validate", file});
  EXPECT_EQ(run.exit_code, kInvalid);
  EXPECT_NE(run.err.find("service 'shop' leaves a black-holed region after up to 3.6 s"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("lower health.timeout (800ms)"), std::string::npos) << run.err;
}

TEST_F(Cli, HelpNamesEveryVerbOnStdout) {
  for (const char* how : {"help", "--help"}) {
    const RunResult run = Meridian({how});
    EXPECT_EQ(run.exit_code, 0) << how << run.err;
    for (const char* verb : {"run", "validate", "demo", "version"}) {
      EXPECT_NE(run.out.find(verb), std::string::npos) << how << " does not mention " << verb << ":\n" << run.out;
    }
  }
}

TEST_F(Cli, WrongUsageIsExitCode2WithAReasonOnStderr) {
  const std::vector<std::vector<std::string>> wrong = {
      {}, {"frobnicate"}, {"run"}, {"run", "--no-such-flag"}, {"validate"}, {"demo", "--scenario", "earthquake"}};
  for (const std::vector<std::string>& arguments : wrong) {
    const RunResult run = Meridian(arguments);
    const std::string first = arguments.empty() ? "(nothing)" : arguments.back();
    EXPECT_EQ(run.exit_code, kUsage) << first << ": " << run.out << run.err;
    EXPECT_FALSE(run.err.empty()) << first;
  }
}

TEST_F(Cli, ValidateAcceptsTheDocumentedConfig) {
  const RunResult run = Meridian({"validate", Write("edge.yaml", GoodConfig())});
  EXPECT_EQ(run.exit_code, 0) << run.out << run.err;
}

TEST_F(Cli, ValidateListsEveryErrorWithPlaceCaretAndSuggestion) {
  const std::string file = Write("edge.yaml",
                                 "workers: 2\n"
                                 "listeners: [ { address: 127.0.0.1:0 } ]\n"
                                 "regions: { eu-west-1: { location: [53.35, -6.26] } }\n"
                                 "services:\n"
                                 "  shop:\n"
                                 "    origins: { eu-west-1: [\"http://127.0.0.1:9001\"] }\n"
                                 "    helth: { path: /healthz }\n"
                                 "    failover: { attempts: many }\n"
                                 "routes:\n"
                                 "  - name: all\n"
                                 "    service: shpo\n");
  const RunResult run = Meridian({"validate", file});
  const std::string text = run.out + run.err;
  EXPECT_EQ(run.exit_code, kInvalid) << text;
  for (const char* place : {"edge.yaml:7:5", "edge.yaml:8:27", "edge.yaml:11:14"}) {
    EXPECT_NE(text.find(place), std::string::npos) << "no error at " << place << ":\n" << text;
  }
  EXPECT_NE(text.find("'health'"), std::string::npos) << text;
  EXPECT_NE(text.find("'shop'"), std::string::npos) << text;
  EXPECT_NE(text.find("\n    ^"), std::string::npos) << "no caret under the unknown key:\n" << text;
}

TEST_F(Cli, ValidateChecksEveryFileGiven) {
  const std::string good = Write("good.yaml", GoodConfig());
  const std::string bad = Write("bad.yaml", "workers: lots\n");
  const std::string worse = Write("worse.yaml", "listeners: [\n");
  const RunResult run = Meridian({"validate", bad, good, worse, dir_.File("missing.yaml")});
  const std::string text = run.out + run.err;
  EXPECT_EQ(run.exit_code, kInvalid);
  for (const char* file : {"bad.yaml:1:10", "worse.yaml", "missing.yaml"}) {
    EXPECT_NE(text.find(file), std::string::npos) << file << ":\n" << text;
  }
}

TEST_F(Cli, RunRefusesAnInvalidConfigAsValidateDoes) {
  const std::string bad = Write("bad.yaml", "workers: lots\n");
  const RunResult run = Meridian({"run", "-c", bad});
  EXPECT_EQ(run.exit_code, kInvalid);
  EXPECT_NE(run.err.find("bad.yaml:1:10"), std::string::npos) << run.err;
}

TEST_F(Cli, RunSaysWhichAddressIsTaken) {
  const UniqueFd taken = ListenOn(0);
  const std::string address = "127.0.0.1:" + std::to_string(LocalPort(taken.get()));
  const RunResult run = Meridian({"run", "-c", Write("edge.yaml", GoodConfig(address))});
  EXPECT_EQ(run.exit_code, kInvalid) << run.err;
  EXPECT_NE(run.err.find(address), std::string::npos) << run.err;
}

}  // namespace
}  // namespace meridian::testing
