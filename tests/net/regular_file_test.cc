// Files that an operator names may be anything, and nobody may wait for them.
#include "net/regular_file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "net/tls_context.h"
#include "net/tls_server_context.h"
#include "support/certificates.h"

namespace meridian {
namespace {

class RegularFile : public ::testing::Test {
 protected:
  std::string Write(const std::string& name, const std::string& text) {
    std::ofstream(dir_.File(name), std::ios::binary) << text;
    return dir_.File(name);
  }
  std::string Pipe() {
    const std::string path = dir_.File("pipe");
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    return path;
  }
  // What was read, or why nothing was.
  std::string Read(const std::string& path, size_t limit = 100) {
    std::string text, why;
    return ReadRegularFile(path, limit, &text, &why) ? text : why;
  }
  testing::TempDir dir_;
};

TEST_F(RegularFile, IsReadWholeUpToItsLimitAndOneByte) {
  const std::string path = Write("a", std::string("a\0b\n", 4));
  EXPECT_EQ(Read(path), std::string("a\0b\n", 4));
  EXPECT_EQ(Read(path, 4).size(), 4u);
  EXPECT_EQ(Read(path, 3).size(), 4u) << "longer than 3";
  EXPECT_EQ(Read(path, 1).size(), 2u);
  EXPECT_EQ(Read(Write("empty", "")), "");
  std::filesystem::create_symlink(path, dir_.File("link"));
  EXPECT_EQ(Read(dir_.File("link")).size(), 4u) << "Kubernetes mounts secrets so";
}

TEST_F(RegularFile, NothingElseIsWaitedFor) {
  EXPECT_EQ(Read(Pipe()), "it is no regular file");
  EXPECT_EQ(Read("/dev/zero"), "it is no regular file");
  EXPECT_EQ(Read("/dev/tty").empty(), false);
  EXPECT_EQ(Read(dir_.File("")), "Is a directory");
  EXPECT_EQ(Read(dir_.File("none")), "No such file or directory");
}

TEST_F(RegularFile, CertificatesKeysAndAuthoritiesAreSuchFiles) {
  const std::string pipe = Pipe(), large = Write("large", std::string((1 << 20) + 1, '\n'));
  std::string certificate, key, error;
  ASSERT_TRUE(MakeSelfSigned({"shop.example"}, &certificate, &key));
  const std::string good = Write("good.pem", certificate), good_key = Write("good.key", key);
  const auto server = [&](const std::string& pem, const std::string& pem_key, const std::string& ca) {
    TlsServerOptions options;
    options.client_ca_file = ca;
    options.tickets = TicketKeys::Make();
    error.clear();
    return TlsServerContext::Make({{pem, pem_key, false}}, options, &error) != nullptr;
  };
  EXPECT_TRUE(server(good, good_key, good)) << error;
  EXPECT_FALSE(server(pipe, good_key, ""));
  EXPECT_EQ(error, "cannot read a certificate from " + pipe + ": it is no regular file");
  EXPECT_FALSE(server(good, pipe, ""));
  EXPECT_EQ(error, "cannot read a private key from " + pipe + ": it is no regular file");
  EXPECT_FALSE(server(good, good_key, pipe));
  EXPECT_EQ(error, "cannot read CA certificates from " + pipe + ": it is no regular file");
  EXPECT_FALSE(server(large, good_key, ""));
  EXPECT_EQ(error, "cannot read a certificate from " + large + ": it is larger than 1 MiB");
  EXPECT_FALSE(TlsClientContext::Make(pipe, true, true, &error));
  EXPECT_EQ(error, "cannot read CA certificates from " + pipe + ": it is no regular file");
  EXPECT_TRUE(TlsClientContext::Make(good, true, true, &error)) << error;
  EXPECT_FALSE(
      TlsClientContext::Make(Write("half.pem", certificate + "-----BEGIN CERTIFICATE-----\nx\n"), true, true, &error))
      << "half an authority is none";
}

}  // namespace
}  // namespace meridian
