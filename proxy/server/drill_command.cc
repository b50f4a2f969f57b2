#include "server/drill_command.h"

#include <fmt/format.h>
#include <signal.h>

#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>

#include "net/address.h"
#include "server/admin_call.h"

namespace meridian {
namespace {

using Json = nlohmann::json;

constexpr Duration kPatience = 5s;
constexpr Duration kLook = 1s;

volatile sig_atomic_t interrupted = 0;
void OnSignal(int) { interrupted = 1; }

// The edge's admin endpoint, one call after the other.
class RunningEdge {
 public:
  explicit RunningEdge(const Endpoint& admin)
      : admin_(admin),
        authority_(EndpointText(admin)),
        pool_(std::make_unique<OriginPool>(loop_, AdminPoolOptions(admin))),
        wake_(loop_, Bind<&RunningEdge::OnWake>(this)) {}
  ~RunningEdge() {
    pool_.reset();
    loop_.RunTurn(false);  // what closing has retired
  }

  AdminReply Call(Method method, const std::string& path, const std::string& body = {}) {
    AdminCall call(authority_, method, path, {}, body);
    call.Send(*pool_, admin_);
    const TimePoint until = loop_.Now() + kPatience;
    while (!call.done() && loop_.Now() < until) Turn(until - loop_.Now());
    return call.reply();
  }
  // Until `time` is over or somebody interrupts.
  void Sleep(Duration time) {
    const TimePoint until = loop_.Now() + time;
    while (!interrupted && loop_.Now() < until) Turn(std::min<Duration>(until - loop_.Now(), 100ms));
  }

 private:
  void OnWake() {}
  void Turn(Duration at_most) {
    wake_.Arm(at_most);
    loop_.RunTurn(true);
  }

  Loop loop_;
  const Endpoint admin_;
  const std::string authority_;
  std::unique_ptr<OriginPool> pool_;
  Timer wake_;
};

// What went wrong, in the edge's own words.
std::string Complaint(const AdminReply& reply) {
  if (reply.status == 0) return "the admin endpoint does not answer";
  const Json problem = Json::parse(reply.body, nullptr, false);
  if (problem.is_object() && problem.contains("detail")) return problem["detail"].get<std::string>();
  return fmt::format("the admin endpoint answered {}", reply.status);
}

void PrintProgress(const Json& drill) {
  const Json& left = drill["left_after_s"];
  fmt::print("  {:5.1f} s  touched {}  saved {}  lost {}  {}\n", drill["elapsed_s"].get<double>(),
             drill["touched"].get<uint64_t>(), drill["saved"].get<uint64_t>(), drill["lost"].get<uint64_t>(),
             left.is_number() ? fmt::format("left after {:.2f} s", left.get<double>()) : "in use");
  std::fflush(stdout);
}

bool WriteReport(const std::string& file, const Json& drill) {
  if (file.empty()) return true;
  std::ofstream out(file);
  out << drill.dump(2) << "\n";
  out.close();
  if (out) return true;
  fmt::print(stderr, "meridian: the report can't be written to {}\n", file);
  return false;
}

}  // namespace

int RunDrill(const DrillOptions& options) {
  const std::optional<Endpoint> admin = ParseHostPort(options.admin);
  if (!admin) {
    fmt::print(stderr, "meridian: '{}' is no address:port\n", options.admin);
    return 1;
  }
  struct sigaction action {};
  action.sa_handler = OnSignal;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  signal(SIGPIPE, SIG_IGN);

  RunningEdge edge(*admin);
  const Json wanted = {{"region", options.region}, {"kind", options.kind},   {"share", options.share},
                       {"for", options.length},    {"delay", options.delay}, {"abort_after", options.abort_after},
                       {"force", options.force}};
  const AdminReply started = edge.Call(Method::kPost, "/v1/drills", wanted.dump());
  if (started.status != 201) {
    fmt::print(stderr, "meridian: {}\n", Complaint(started));
    return 1;
  }
  Json drill = Json::parse(started.body);
  const std::string path = fmt::format("/v1/drills/{}", drill["id"].get<uint64_t>());
  fmt::print("drill {}: {} fails with {} for {}, {} of its requests\n", drill["id"].get<uint64_t>(), options.region,
             options.kind, options.length, options.share);
  std::fflush(stdout);
  while (!drill["settled"].get<bool>()) {
    edge.Sleep(kLook);
    if (interrupted) {
      edge.Call(Method::kDelete, path);
      interrupted = 0;
    }
    const AdminReply now = edge.Call(Method::kGet, path);
    if (now.status != 200) {
      fmt::print(stderr, "meridian: {}\n", Complaint(now));
      return 1;
    }
    drill = Json::parse(now.body);
    if (drill["state"] == "running") PrintProgress(drill);
  }
  PrintProgress(drill);
  const std::string why = drill["why"];
  fmt::print("drill: {}{}\n", drill["state"].get<std::string>(), why.empty() ? "" : ", " + why);
  const bool written = WriteReport(options.report, drill);
  return drill["state"] == "passed" && written ? 0 : 1;
}

}  // namespace meridian
