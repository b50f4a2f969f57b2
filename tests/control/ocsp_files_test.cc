// OCSP responses whose files change, end or are wrong; time is the test's.
#include "control/ocsp_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "control/listener_tls.h"
#include "support/certificates.h"

namespace meridian {
namespace {

using testing::CertificateFiles;
using ::testing::HasSubstr;
using testing::KeyKind;
using testing::OcspAnswer;
using testing::TempDir;
using testing::TestCertificates;
using testing::WriteFile;

class OcspFilesTest : public ::testing::Test {
 protected:
  OcspFilesTest() { Write({}); }
  void Write(const OcspAnswer& answer) { WriteFile(file_, authority_.Ocsp(shop_.certificate, answer)); }
  std::vector<CertificateConfig> Config() const { return {{shop_.certificate, shop_.key, file_}}; }
  std::shared_ptr<const TlsServerContext> Server() const {
    std::string problem;
    auto context = TlsServerContext::Make({{shop_.certificate, shop_.key}}, {}, &problem);
    EXPECT_TRUE(context) << problem;
    return context;
  }
  bool Load() {
    files_ = OcspFiles(Config());
    server_ = Server();
    return files_.Load(*server_, now_, &problem_);
  }
  // As often as it takes to see that a file changed and stands still.
  bool Looks() {
    bool changed = false;
    for (int i = 0; i < 3; ++i) changed |= files_.Look(*server_, now_);
    return changed;
  }
  const OcspResponse* stapled() const { return files_.responses()[0].get(); }
  Status Now() const {
    Status status;
    files_.Fill(&status);
    return status;
  }

  Loop loop_;
  int64_t now_ = loop_.UnixMicros() / 1'000'000;
  TempDir dir_;
  TestCertificates authority_{dir_};
  CertificateFiles shop_ = authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}, {.with_issuer = true});
  const std::string file_ = dir_.File("shop.ocsp");
  OcspFiles files_;
  std::shared_ptr<const TlsServerContext> server_;
  std::string problem_;
};

TEST_F(OcspFilesTest, AWrongFileAtTheStartIsAnErrorThatNamesIt) {
  ASSERT_TRUE(Load()) << problem_;
  EXPECT_TRUE(stapled());
  const auto refused = [&](const std::string& content) {
    WriteFile(file_, content);
    EXPECT_FALSE(Load());
    EXPECT_THAT(problem_, HasSubstr(file_));
    return problem_.substr(problem_.find(file_) + file_.size() + 1);
  };
  EXPECT_EQ(refused("garbage"), "is not an OCSP response in DER");
  EXPECT_EQ(refused(std::string(kMaxOcspBytes + 1, 'x')), "has more than 64 KiB");
  EXPECT_EQ(refused(authority_.Ocsp(shop_.certificate, {.verdict = OcspAnswer::Verdict::kRevoked})),
            "says that the certificate is revoked");
  std::filesystem::remove(file_);
  EXPECT_FALSE(Load());
  EXPECT_THAT(problem_, HasSubstr("cannot be read"));
}

TEST_F(OcspFilesTest, AnEdgeStartsWithAResponseThatEndedAndDoesNotStapleIt) {
  Write({.from = -7200, .until = -3600});
  ASSERT_TRUE(Load()) << "whoever renews it may be down, and a restart must not be an outage";
  EXPECT_FALSE(stapled());
  EXPECT_EQ(Now().ocsp_reloads_failed, 1u);
  ASSERT_EQ(Now().ocsp.size(), 1u);
  EXPECT_NEAR(static_cast<double>(Now().ocsp[0].expires_unix_s), static_cast<double>(now_ - 3600), 60)
      << "an alert finds it";
  Write({});
  EXPECT_TRUE(Looks());
  EXPECT_TRUE(stapled());
  Write({.from = 3600, .until = 7200});
  ASSERT_TRUE(Load());
  EXPECT_FALSE(stapled()) << "of the future";
}

TEST_F(OcspFilesTest, ANewResponseIsTakenAndABadOneIsNot) {
  ASSERT_TRUE(Load());
  EXPECT_FALSE(Looks());
  Write({.until = 2 * 24 * 3600});
  EXPECT_TRUE(Looks());
  const OcspResponse* second = stapled();
  EXPECT_NEAR(static_cast<double>(second->until_unix_s), static_cast<double>(now_ + 2 * 24 * 3600), 60);
  EXPECT_EQ(Now().ocsp_reloads, 1u);
  uint64_t failed = 0;
  for (const std::string& bad :
       {std::string("garbage"), authority_.Ocsp(shop_.certificate, {.from = -7200, .until = -3600}),
        authority_.Ocsp(shop_.certificate, {.signer = OcspAnswer::Signer::kStranger}),
        authority_.Ocsp(authority_.Issue("bank", KeyKind::kEcdsa, {"bank.example"}).certificate)}) {
    WriteFile(file_, bad);
    EXPECT_FALSE(Looks());
    EXPECT_FALSE(Looks());
    EXPECT_EQ(Now().ocsp_reloads_failed, ++failed) << "once each";
    EXPECT_EQ(stapled(), second);
  }
  EXPECT_EQ(Now().ocsp[0].expires_unix_s, second->until_unix_s);
}

TEST_F(OcspFilesTest, AResponseIsTakenOutBeforeItEnds) {
  Write({.until = 600});
  ASSERT_TRUE(Load());
  const int64_t end = stapled()->until_unix_s;
  now_ = end - OcspFiles::kMargin - 1;
  EXPECT_FALSE(Looks());
  EXPECT_TRUE(stapled());
  now_ = end - OcspFiles::kMargin;
  EXPECT_TRUE(Looks());
  EXPECT_FALSE(stapled());
  EXPECT_FALSE(Looks()) << "once";
  EXPECT_EQ(Now().ocsp[0].expires_unix_s, end) << "an alert must not lose it";
}

// A responder's clock that runs ahead, or a hook that writes the next response before its time.
TEST_F(OcspFilesTest, AResponseOfTheFutureIsTakenWhenItsTimeComes) {
  Write({.from = 900});
  ASSERT_TRUE(Load());
  EXPECT_FALSE(stapled());
  now_ += 899 - OcspFiles::kClockSkew - 10;
  EXPECT_FALSE(Looks());
  now_ += 20;
  EXPECT_TRUE(Looks());
  EXPECT_TRUE(stapled());
}

TEST_F(OcspFilesTest, TheOldResponseIsStapledUntilTheNextOneIsGood) {
  Write({.until = 1200});
  ASSERT_TRUE(Load());
  const int64_t end = stapled()->until_unix_s;
  Write({.from = 1000});
  EXPECT_FALSE(Looks());
  EXPECT_EQ(stapled()->until_unix_s, end);
  now_ = end - OcspFiles::kMargin;
  EXPECT_TRUE(Looks());
  ASSERT_TRUE(stapled()) << "never without";
  EXPECT_GT(stapled()->until_unix_s, end);
}

TEST_F(OcspFilesTest, ANewCertificateDoesNotKeepTheResponseOfTheOldOne) {
  ASSERT_TRUE(Load());
  shop_ = authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}, {.with_issuer = true});
  server_ = Server();
  files_.Reload(*server_, now_);
  EXPECT_FALSE(stapled());
  EXPECT_EQ(Now().ocsp_reloads_failed, 1u);
  EXPECT_EQ(Now().ocsp[0].expires_unix_s, 0) << "an alert must see that there is none";
  Write({});
  EXPECT_TRUE(Looks());
  EXPECT_TRUE(stapled());
}

TEST_F(OcspFilesTest, TheSameCertificateReadAgainKeepsItsResponseThoughTheFileIsBadNow) {
  ASSERT_TRUE(Load());
  WriteFile(file_, "garbage");
  server_ = Server();
  files_.Reload(*server_, now_);
  EXPECT_TRUE(stapled());
}

TEST_F(OcspFilesTest, AListenerServesWhatChanged) {
  Loop loop(true);
  Write({.until = 3600});
  ListenerConfig listener{.address = "127.0.0.1:443", .certificates = Config()};
  std::string problem;
  auto tls = ListenerTls::Make(loop, {listener}, nullptr, &problem);
  ASSERT_TRUE(tls) << problem;
  int published = 0;
  tls->Start([&](size_t, const auto&) { ++published; });
  const auto looks = [&](int count) {
    for (int i = 0; i < count; ++i) loop.Advance(ListenerTls::kLook + Loop::kTick);
  };
  looks(3);
  EXPECT_EQ(published, 0);
  Write({.until = 1800});
  looks(3);
  EXPECT_EQ(published, 1);
  loop.Advance(1800s);
  EXPECT_EQ(published, 2) << "it ended";
  WriteFile(file_, "garbage");
  looks(3);
  EXPECT_EQ(published, 2);
  Status status;
  tls->Fill(&status);
  EXPECT_EQ(status.ocsp_reloads, 1u);
  EXPECT_EQ(status.ocsp_reloads_failed, 1u);
  EXPECT_EQ(status.certificate_reloads, 0u);
  WriteFile(file_, "garbage");
  EXPECT_FALSE(ListenerTls::Make(loop, {listener}, nullptr, &problem));
  EXPECT_THAT(problem, HasSubstr(file_));
}

}  // namespace
}  // namespace meridian
