// Certificates that change under a running listener; time is the test's.
#include "control/listener_tls.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "support/certificates.h"

namespace meridian {
namespace {

namespace fs = std::filesystem;
using testing::KeyKind;
using testing::TempDir;
using testing::TestCertificates;

class ListenerTlsTest : public ::testing::Test {
 protected:
  ListenerTlsTest() { Write("shop.pem", "shop.key", Pair("shop.example")); }
  struct Texts {
    std::string certificate, key;
  };
  static Texts Pair(const std::string& name) {
    Texts texts;
    EXPECT_TRUE(MakeSelfSigned({name}, &texts.certificate, &texts.key));
    return texts;
  }
  void WriteText(const std::string& file, const std::string& text) { std::ofstream(dir_.File(file)) << text; }
  void Write(const std::string& certificate, const std::string& key, const Texts& texts) {
    WriteText(certificate, texts.certificate);
    WriteText(key, texts.key);
  }
  void Start(const std::string& certificate = "shop.pem", const std::string& key = "shop.key",
             ListenerTls::Reading reading = ListenerTls::Reading::kHere) {
    ListenerConfig clear{.address = "127.0.0.1:80"};
    ListenerConfig secure{.address = "127.0.0.1:443", .certificates = {{dir_.File(certificate), dir_.File(key)}}};
    std::string error;
    tls_ = ListenerTls::Make(loop_, {clear, secure}, nullptr, &error);
    ASSERT_TRUE(tls_) << error;
    EXPECT_FALSE(tls_->context(0));
    tls_->Start(
        [this](size_t listener, const std::shared_ptr<const TlsServerContext>& tls) {
          EXPECT_EQ(listener, 1u);
          published_.push_back(tls);
        },
        reading);
  }
  void Looks(int count) {
    for (int i = 0; i < count; ++i) loop_.Advance(ListenerTls::kLook + Loop::kTick);
  }
  Status Now() const {
    Status status;
    tls_->Fill(&status);
    return status;
  }

  Loop loop_{true};
  TempDir dir_;
  std::unique_ptr<ListenerTls> tls_;
  std::vector<std::shared_ptr<const TlsServerContext>> published_;
};

TEST_F(ListenerTlsTest, FilesThatDoNotChangeAreReadOnce) {
  Start();
  Looks(5);
  EXPECT_TRUE(published_.empty());
  ASSERT_EQ(Now().certificates.size(), 1u);
  EXPECT_EQ(Now().certificates[0].file, dir_.File("shop.pem"));
  EXPECT_GT(Now().certificates[0].expires_unix_s, 1'700'000'000);
}

TEST_F(ListenerTlsTest, AChangedPairIsReadOnceItStandsStill) {
  Start();
  const auto before = tls_->context(1);
  const Texts next = Pair("shop.example");
  WriteText("shop.pem", next.certificate);
  Looks(1);
  WriteText("shop.key", next.key);
  Looks(1);
  EXPECT_TRUE(published_.empty()) << "a certificate without its key is not an error yet";
  Looks(1);
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_NE(published_[0], before);
  EXPECT_EQ(published_[0], tls_->context(1));
  Looks(3);
  EXPECT_EQ(published_.size(), 1u);
  EXPECT_EQ(Now().certificate_reloads, 1u);
  EXPECT_EQ(Now().certificate_reloads_failed, 0u);
}

TEST_F(ListenerTlsTest, ABadFileKeepsWhatWasBeforeAndIsSaidOnce) {
  Start();
  const auto before = tls_->context(1);
  for (const char* bad : {"", "no certificate", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}) {
    const uint64_t failed = Now().certificate_reloads_failed;
    WriteText("shop.pem", bad);
    Looks(5);
    EXPECT_EQ(Now().certificate_reloads_failed, failed + 1) << bad;
  }
  WriteText("shop.pem", Pair("shop.example").certificate);  // the key is of another one
  Looks(5);
  EXPECT_EQ(Now().certificate_reloads_failed, 4u);
  fs::remove(dir_.File("shop.pem"));
  Looks(5);
  EXPECT_EQ(Now().certificate_reloads_failed, 5u);
  EXPECT_TRUE(published_.empty());
  EXPECT_EQ(tls_->context(1), before);
  Write("shop.pem", "shop.key", Pair("shop.example"));
  Looks(2);
  EXPECT_EQ(published_.size(), 1u) << "and a good one is taken again";
}

TEST_F(ListenerTlsTest, AFileRenamedOverTheOldOneIsSeen) {
  Start();
  Write("new.pem", "new.key", Pair("shop.example"));
  fs::rename(dir_.File("new.pem"), dir_.File("shop.pem"));
  fs::rename(dir_.File("new.key"), dir_.File("shop.key"));
  Looks(2);
  EXPECT_EQ(published_.size(), 1u);
}

TEST_F(ListenerTlsTest, ASwappedLinkToAFolderIsSeen) {
  // As Kubernetes mounts a secret: tls.crt → ..data/tls.crt, ..data → a folder with a date for its name.
  for (const char* folder : {"monday", "tuesday"}) {
    fs::create_directory(dir_.File(folder));
    Write(std::string(folder) + "/tls.crt", std::string(folder) + "/tls.key", Pair("shop.example"));
  }
  fs::create_symlink("monday", dir_.File("data"));
  fs::create_symlink("data/tls.crt", dir_.File("tls.crt"));
  fs::create_symlink("data/tls.key", dir_.File("tls.key"));
  Start("tls.crt", "tls.key");
  fs::create_symlink("tuesday", dir_.File("data.new"));
  fs::rename(dir_.File("data.new"), dir_.File("data"));
  Looks(2);
  EXPECT_EQ(published_.size(), 1u);
}

TEST_F(ListenerTlsTest, TheKeysOfTicketsChangeTwiceADay) {
  Start();
  Looks(3);
  EXPECT_TRUE(published_.empty());
  loop_.Advance(ListenerTls::kRotation);
  EXPECT_EQ(published_.size(), 1u);
  Looks(3);
  EXPECT_EQ(published_.size(), 1u);
  loop_.Advance(ListenerTls::kRotation);
  EXPECT_EQ(published_.size(), 2u);
  EXPECT_EQ(Now().certificate_reloads, 0u);
}

// The loop is the test's, the thread is real: turns are run until it has told.
TEST_F(ListenerTlsTest, FilesAreReadOnAnotherThread) {
  Start("shop.pem", "shop.key", ListenerTls::Reading::kOnThread);
  const Texts next = Pair("shop.example");
  Write("shop.pem", "shop.key", next);
  while (published_.empty()) {
    Looks(1);
    std::this_thread::yield();
  }
  EXPECT_EQ(Now().certificate_reloads, 1u);
  EXPECT_EQ(tls_->context(1), published_.back());
}

TEST_F(ListenerTlsTest, APipeInTheirPlaceIsSaidAndNotWaitedFor) {
  Start();
  fs::remove(dir_.File("shop.pem"));
  ASSERT_EQ(mkfifo(dir_.File("shop.pem").c_str(), 0600), 0);
  Looks(3);
  EXPECT_EQ(Now().certificate_reloads_failed, 1u);
  EXPECT_TRUE(published_.empty());
}

}  // namespace
}  // namespace meridian
