#include "server/cli.h"

#include <CLI/CLI.hpp>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "control/config.h"
#include "policy/failover_objective.h"
#include "server/demo.h"
#include "server/drill_command.h"
#include "server/server.h"
#include "telemetry/version.h"

namespace meridian {
namespace {

constexpr int kOk = 0;
constexpr int kFailed = 1;
constexpr int kUsage = 2;

void PrintProblems(const std::vector<ConfigProblem>& problems) {
  for (const ConfigProblem& p : problems) std::cerr << FormatProblem(p);
  std::cerr << problems.size() << (problems.size() == 1 ? " error\n" : " errors\n");
}

// "  shop leaves a failing region within 3.6 s: refused 1.75 s, black_hole 3.6 s, ...; objective 6 s"
void PrintPromises(const Model& model) {
  for (const ServiceModel& service : model.services) {
    const std::vector<WorstCase> cases = WorstCases(service);
    const WorstCase* longest = Longest(cases);
    std::cout << "  " << service.name;
    if (longest == nullptr) {
      std::cout << " has one region and nowhere to go\n";
      continue;
    }
    std::cout << " leaves a failing region within " << SecondsText(longest->promised().time);
    const char* before = ": ";
    for (const WorstCase& worst : cases) {
      std::cout << std::exchange(before, ", ") << Name(worst.kind) << " " << SecondsText(worst.promised().time);
    }
    const Duration objective = service.failover.objective;
    std::cout << (objective > Duration::zero() ? "; objective " + SecondsText(objective) : "; no objective") << "\n";
  }
}

int Validate(const std::vector<std::string>& files, bool json) {
  std::vector<ConfigProblem> all;
  for (const std::string& file : files) {
    const ConfigResult result = LoadConfig(file);
    all.insert(all.end(), result.problems.begin(), result.problems.end());
    if (!json && result.config) {
      std::cout << file << ": ok\n";
      PrintPromises(*result.config->model);
    }
  }
  if (json) {
    std::cout << ProblemsToJson(all) << "\n";
  } else if (!all.empty()) {
    PrintProblems(all);
  }
  return all.empty() ? kOk : kFailed;
}

int RunProxy(const std::string& file, const std::string& tls_key_log) {
  ConfigResult result = LoadConfig(file);
  if (!result.config) {
    PrintProblems(result.problems);
    return kFailed;
  }
  result.config->tls_key_log = tls_key_log;
  Server::BlockSignals();
  std::string error;
  auto server = Server::Make(std::move(*result.config), &error);
  if (!server) {
    std::cerr << "meridian: " << error << "\n";
    return kFailed;
  }
  server->Run();
  return kOk;
}

}  // namespace

int RunCli(int argc, char** argv) {
  CLI::App app{"Meridian: one entry point that sends each request to the nearest healthy region"};
  app.name("meridian");
  app.require_subcommand(1);
  app.set_version_flag("--version", std::string("meridian ") + kVersion);

  std::string config_file;
  auto* run = app.add_subcommand("run", "Serve traffic. TERM drains, QUIT stops, USR1 reopens the access log");
  run->add_option("-c,--config", config_file, "Configuration file")->required();
  std::string tls_key_log;
  run->add_option("--tls-key-log", tls_key_log, "Append the secrets of clients' TLS sessions to this file, to debug");

  std::vector<std::string> files;
  std::string format = "text";
  auto* validate = app.add_subcommand("validate", "Check configuration files and list all errors");
  validate->add_option("files", files, "Configuration files")->required();
  validate->add_option("--format", format, "text or json")->check(CLI::IsMember({"text", "json"}));

  DemoOptions demo_options;
  auto* demo = app.add_subcommand("demo", "Three regions, load and a live table in one process");
  demo->add_option("--scenario", demo_options.scenario, "failover, canary or drain: exits 1 if a request failed")
      ->check(CLI::IsMember({"failover", "canary", "drain"}));
  demo->add_option("--rate", demo_options.rate, "Requests per second of the built-in load")->check(CLI::Range(1, 5000));

  DrillOptions drill_options;
  auto* drill =
      app.add_subcommand("drill", "Let something fail on purpose at a running edge, and report what clients saw");
  drill->require_subcommand(1);
  auto* region = drill->add_subcommand("region", "A region; ends by itself when a client's request is lost");
  region->add_option("name", drill_options.region, "The region")->required();
  region->add_option("--kind", drill_options.kind, "503, reset, hang or slow")
      ->required()
      ->check(CLI::IsMember({"503", "reset", "hang", "slow"}));
  region->add_option("--share", drill_options.share, "Of the requests to the region (100%)");
  region->add_option("--for", drill_options.length, "How long, 1s to 1h (60s)");
  region->add_option("--delay", drill_options.delay, "How late, with --kind slow (1s)");
  region->add_option("--abort-after", drill_options.abort_after, "Lost requests that end it (1)")
      ->check(CLI::PositiveNumber);
  region->add_flag("--force", drill_options.force, "Even if no other region could take over");
  region->add_option("--admin", drill_options.admin, "The edge's admin endpoint (127.0.0.1:9901)");
  region->add_option("--report", drill_options.report, "Write the report to this file, as JSON");

  auto* version = app.add_subcommand("version", "Print the version");
  auto* help = app.add_subcommand("help", "Print this help");

  // Asked after parsing, CLI11 would print the help of `help`.
  const std::string help_text = app.help();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // CLI11 has a code of its own for each kind of mistake; users know 0 and 2.
    return app.exit(e) == 0 ? kOk : kUsage;
  }
  if (*run) return RunProxy(config_file, tls_key_log);
  if (*validate) return Validate(files, format == "json");
  if (*demo) return RunDemo(demo_options);
  if (*region) return RunDrill(drill_options);
  if (*version) std::cout << "meridian " << kVersion << "\n";
  if (*help) std::cout << help_text;
  return kOk;
}

}  // namespace meridian
