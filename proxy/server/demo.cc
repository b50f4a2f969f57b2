#include "server/demo.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "net/address.h"
#include "net/listener.h"
#include "server/demo_config.h"
#include "server/demo_scenarios.h"
#include "server/server.h"
#include "telemetry/log.h"

namespace meridian {
namespace {

using Play = bool (*)(DemoStory&);

Play FindPlay(const std::string& scenario) {
  if (scenario == "failover") return PlayFailover;
  if (scenario == "canary") return PlayCanary;
  if (scenario == "drain") return PlayDrain;
  return nullptr;
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

int Fail(const std::string& why) {
  std::fprintf(stderr, "meridian: %s\n", why.c_str());
  return 1;
}

std::string Welcome(const Endpoint& edge, const Endpoint& admin) {
  const auto taken = [](uint16_t port, uint16_t usual) {
    return port == usual ? std::string() : fmt::format("   ({} is taken)", usual);
  };
  std::string text = "Meridian demo: three regions behind one edge in Frankfurt, all in this process\n\n";
  text += fmt::format("  service  https://localhost:{}/{}\n", edge.port, taken(edge.port, kDemoServicePort));
  text += fmt::format("  admin    http://{}/{}\n\n", EndpointText(admin), taken(admin.port, kDemoAdminPort));
  return text;
}

std::string ThingsToTry(const Endpoint& edge, const Endpoint& admin) {
  const std::string weights = fmt::format("http://{}/v1/routes/{}/weights", EndpointText(admin), kDemoRoute);
  std::string text = "Try, in another terminal:\n";
  text += fmt::format("  curl -k https://localhost:{}/\n", edge.port);
  text += fmt::format("  curl http://{}/v1/status\n", EndpointText(admin));
  text += fmt::format("  etag=$(curl -s -o /dev/null -w '%header{{etag}}' {})\n", weights);
  text += "  curl -X PATCH -H \"If-Match: $etag\" -H 'Content-Type: application/json' \\\n";
  text += fmt::format("    -d '{{\"weights\":{{\"{}\":\"90%\",\"{}\":\"10%\"}}}}' {}\n", kDemoServices[0].name,
                      kDemoServices[kCanary].name, weights);
  text += "Ctrl-C drains and ends it.\n\n";
  return text;
}

std::string Verdict(const std::string& scenario, bool good, bool interrupted) {
  return fmt::format("{}: {}\n", scenario, good ? "passed" : interrupted ? "interrupted" : "FAILED");
}

// The demo's thread: begins when the edge is ready, ends by letting the edge drain. Returns the exit code.
int Tell(const DemoOptions& options, DemoSet set, const bool& ready) {
  DemoStage& stage = set.stage;
  const bool& over = set.over;
  const std::function<void()> drain = set.drain;
  stage.Wait(10s, [&] { return ready || over; });
  bool good = true;
  {
    DemoStory story(std::move(set));
    if (const Play play = FindPlay(options.scenario)) {
      good = play(story);
      Print(Verdict(options.scenario, good, story.interrupted()));
    } else {
      story.ShowTraffic(isatty(STDOUT_FILENO) == 1);
      Print(fmt::format("{} answers, failed requests {}\n", story.all().answered(), story.all().failed()));
    }
  }
  drain();
  return good ? 0 : 1;
}

void QuietenLog(const DemoOptions& options) {
  SetLogFormat(false);
  // Nothing may scroll the table away.
  const bool table = options.scenario.empty() && isatty(STDOUT_FILENO) == 1;
  SetLogLevel(table ? LogLevel::kError : LogLevel::kWarning);
}

int RunEdge(const DemoOptions& options, DemoOrigins& origins, Server& server, TlsClientContext& tls) {
  DemoStage stage;
  bool ready = false;
  bool over = false;
  server.OnReady([&] { stage.loop().Post([&] { ready = true; }); });
  DemoSet set{stage, origins,      server.listeners().front(),    server.admin(),
              tls,   options.rate, [&server] { server.Drain(); }, over};
  int code = 1;
  std::thread demo([&] { code = Tell(options, std::move(set), ready); });
  server.Run();
  stage.loop().Post([&] { over = true; });
  demo.join();
  return code;
}

}  // namespace

int RunDemo(const DemoOptions& options) {
  Server::BlockSignals();
  QuietenLog(options);
  std::string error;
  const auto origins = DemoOrigins::Open(&error);
  if (!origins) return Fail(error);
  auto config = MakeDemoConfig(*origins, &error);
  if (!config) return Fail(error);
  const auto server = Server::Make(std::move(*config), &error);
  if (!server) return Fail(error);
  // Our own certificate of a minute ago; nobody could have signed it.
  const auto tls = TlsClientContext::Make("", false, true, &error);
  if (!tls) return Fail(error);
  Print(Welcome(server->listeners().front(), server->admin()));
  if (options.scenario.empty()) Print(ThingsToTry(server->listeners().front(), server->admin()));
  return RunEdge(options, *origins, *server, *tls);
}

}  // namespace meridian
