// A file system that stops answering under a running edge: nobody waits for it but the thread that looks at it.
#include <filesystem>
#include <fstream>

#include "integration/edge.h"
#include "support/certificates.h"

namespace meridian::testing {
namespace {

TEST(HangingFiles, StopNeitherRequestsNorProbesNorTheAdminNorTheExit) {
  if (kSanitized) GTEST_SKIP() << "a sanitizer wants to be loaded first";
  const TempDir dir;
  const TestCertificates authority(dir);
  const CertificateFiles files = authority.Issue("edge", KeyKind::kEcdsa, {"127.0.0.1"});
  const std::string gate = dir.File("gate"), script = dir.File("binary");
  std::ofstream(script) << "#!/bin/sh\nexport MERIDIAN_HANG_PATH='" << files.certificate << "' MERIDIAN_HANG_WHILE='"
                        << gate << "' LD_PRELOAD='" << MERIDIAN_HANGING_FILES << "'\nexec '" << MeridianBinary()
                        << "' \"$@\"\n";
  std::filesystem::permissions(script, std::filesystem::perms::owner_all);
  ScriptedOrigin origin(kNear, ScriptedOrigin::Friendly());
  EdgeConfig config = ShopEdge({{kNear, origin.url()}});
  config.listeners = {{}, {files}};
  MeridianProcess edge(script, config);
  const auto said = [&](const char* event) { return edge.EventText().find(event) != std::string::npos; };

  std::ofstream(gate) << "closed";
  EXPECT_TRUE(Eventually([&] { return said("certificate_files_hang"); }, 20s, 50ms));
  const double probes = edge.MetricSum("meridian_probes_total");
  EXPECT_EQ(edge.Admin("GET", "/readyz").status, 200);
  Http1Client client(edge.port());
  EXPECT_EQ(client.Get("/item").status, 200);
  EXPECT_TRUE(Eventually([&] { return edge.MetricSum("meridian_probes_total") > probes; }, 10s, 50ms));

  std::filesystem::remove(gate);
  EXPECT_TRUE(Eventually([&] { return said("certificate_files_answer"); }, 10s, 50ms));
  std::filesystem::last_write_time(files.certificate, std::filesystem::file_time_type::clock::now());
  EXPECT_TRUE(Eventually([&] { return said("certificate_reloaded"); }, 10s, 50ms)) << "changes are seen again";

  std::ofstream(gate) << "closed";
  const auto hangs_again = [&] {
    const std::string events = edge.EventText();
    return events.find("certificate_files_hang") != events.rfind("certificate_files_hang");
  };
  EXPECT_TRUE(Eventually(hangs_again, 20s, 50ms));
  EXPECT_EQ(edge.Stop(), 0) << "while somebody is still in there";
}

}  // namespace
}  // namespace meridian::testing
