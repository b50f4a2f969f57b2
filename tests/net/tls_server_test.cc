// TLS as a listener does it, with a client of OpenSSL's own in the same thread: no sockets, no loop.
#include "net/tls_server_context.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <unistd.h>

#include <fstream>
#include <memory>
#include <string>

#include "net/tls_meeting.h"

namespace meridian {
namespace {

using testing::Meeting;
using testing::Session;

PemPair SelfSigned(const std::vector<std::string>& names) {
  PemPair pair;
  EXPECT_TRUE(MakeSelfSigned(names, &pair.certificate_file, &pair.key_file));
  pair.inline_pem = true;
  return pair;
}

std::shared_ptr<const TlsServerContext> Server(const std::vector<PemPair>& pairs,
                                               const TlsServerOptions& options = {}) {
  std::string problem;
  auto context = TlsServerContext::Make(pairs, options, &problem);
  EXPECT_TRUE(context) << problem;
  return context;
}

// ---- resumption ----------------------------------------------------------------------------------------------------

class Tickets : public ::testing::TestWithParam<int> {
 protected:
  Session TicketFrom(const std::shared_ptr<const TlsServerContext>& context) {
    Meeting first(context, GetParam());
    EXPECT_TRUE(first.Shake());
    EXPECT_FALSE(first.resumed());
    return first.ticket();
  }
  bool Resumes(const std::shared_ptr<const TlsServerContext>& context, const Session& ticket) {
    Meeting next(context, GetParam());
    EXPECT_TRUE(next.Shake(ticket.get())) << "a ticket that is not taken costs a full handshake, never a failure";
    return next.resumed();
  }
  const PemPair pair_ = SelfSigned({"shop.example"});
};

TEST_P(Tickets, OfOneContextAreGoodAtAllThatShareItsKeys) {
  const auto keys = TicketKeys::Make();
  const auto before = Server({pair_}, {.tickets = keys});
  const Session ticket = TicketFrom(before);
  EXPECT_TRUE(Resumes(before, ticket)) << "another worker: it has the same context";
  EXPECT_TRUE(Resumes(Server({SelfSigned({"shop.example"})}, {.tickets = keys}), ticket)) << "after new certificates";
}

TEST_P(Tickets, AreGoodForTwoRotationsAndNoLonger) {
  auto keys = TicketKeys::Make();
  const auto first = Server({pair_}, {.tickets = keys});
  const Session ticket = TicketFrom(first);
  for (int rotation = 1; rotation <= 2; ++rotation) {
    keys = keys->Rotated();
    EXPECT_TRUE(Resumes(first->WithTickets(keys), ticket)) << rotation;
  }
  keys = keys->Rotated();
  EXPECT_FALSE(Resumes(first->WithTickets(keys), ticket));
}

TEST_P(Tickets, AreRenewedWhenTheirKeyIsNoLongerTheNewest) {
  auto keys = TicketKeys::Make();
  const auto first = Server({pair_}, {.tickets = keys});
  const Session ticket = TicketFrom(first);
  keys = keys->Rotated();
  Meeting next(first->WithTickets(keys), GetParam());
  ASSERT_TRUE(next.Shake(ticket.get()));
  const Session renewed = next.ticket();
  keys = keys->Rotated()->Rotated();
  EXPECT_FALSE(Resumes(first->WithTickets(keys), ticket));
  EXPECT_TRUE(Resumes(first->WithTickets(keys), renewed));
}

TEST_P(Tickets, OfAnotherProcessAreNotTaken) { EXPECT_FALSE(Resumes(Server({pair_}), TicketFrom(Server({pair_})))); }

INSTANTIATE_TEST_SUITE_P(, Tickets, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

// ---- client certificates -------------------------------------------------------------------------------------------

class ClientCertificates : public ::testing::TestWithParam<int> {
 protected:
  ClientCertificates() {
    std::ofstream(ca_) << friend_.certificate_file;
    options_.client_ca_file = ca_;
    options_.tickets = TicketKeys::Make();
    options_.forward_client_certificate = true;
  }
  ~ClientCertificates() override { unlink(ca_.c_str()); }
  static void Show(Meeting& meeting, const PemPair& pair) {
    BIO* bio = BIO_new_mem_buf(pair.certificate_file.data(), -1);
    X509* certificate = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    bio = BIO_new_mem_buf(pair.key_file.data(), -1);
    EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
    BIO_free(bio);
    EXPECT_EQ(SSL_CTX_use_certificate(meeting.client_context, certificate), 1);
    EXPECT_EQ(SSL_CTX_use_PrivateKey(meeting.client_context, key), 1);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }
  bool Accepts(const PemPair* shown, SSL_SESSION* session = nullptr) {
    const auto context = Server({pair_}, options_);
    Meeting meeting(context, GetParam());
    if (shown) Show(meeting, *shown);
    if (!meeting.Shake(session)) return false;
    forwarded_ = context->ForwardedCertificate(meeting.server);
    resumed_ = meeting.resumed();
    ticket_ = meeting.ticket();
    return true;
  }

  const std::string ca_ = ::testing::TempDir() + "meridian-client-ca-" + std::to_string(getpid()) + ".pem";
  const PemPair pair_ = SelfSigned({"shop.example"});
  const PemPair friend_ = SelfSigned({"friend.example"}), stranger_ = SelfSigned({"stranger.example"});
  TlsServerOptions options_;
  std::string forwarded_;
  bool resumed_ = false;
  Session ticket_;
};

TEST_P(ClientCertificates, AreRequiredAndVerified) {
  EXPECT_TRUE(Accepts(&friend_));
  EXPECT_TRUE(forwarded_.starts_with(":MII") && forwarded_.ends_with(":") && forwarded_.size() > 200) << forwarded_;
  EXPECT_EQ(forwarded_.find('\0'), std::string::npos);
  EXPECT_FALSE(Accepts(&stranger_));
  EXPECT_FALSE(Accepts(nullptr));
}

TEST_P(ClientCertificates, ThatAreOptionalMustStillVerify) {
  options_.client_certificate = ClientCertificate::kOptional;
  EXPECT_TRUE(Accepts(&friend_));
  EXPECT_NE(forwarded_, "");
  EXPECT_FALSE(Accepts(&stranger_));
  EXPECT_TRUE(Accepts(nullptr));
  EXPECT_EQ(forwarded_, "");
}

TEST_P(ClientCertificates, AreKnownAfterAResumptionToo) {
  ASSERT_TRUE(Accepts(&friend_));
  const std::string first = forwarded_;
  const Session ticket = std::move(ticket_);
  ASSERT_TRUE(Accepts(&friend_, ticket.get()));
  EXPECT_TRUE(resumed_);
  EXPECT_EQ(forwarded_, first);
}

TEST_P(ClientCertificates, OfATicketThatOthersVerifiedCountForNothing) {
  ASSERT_TRUE(Accepts(&friend_));
  const Session ticket = std::move(ticket_);
  std::ofstream(ca_) << stranger_.certificate_file;  // the friend is a friend no more
  EXPECT_FALSE(Accepts(&friend_, ticket.get()));
  options_.client_ca_file.clear();
  ASSERT_TRUE(Accepts(nullptr));
  const Session anybodys = std::move(ticket_);
  options_.client_ca_file = ca_;
  EXPECT_FALSE(Accepts(nullptr, anybodys.get())) << "from a listener that asks nobody";
}

TEST_P(ClientCertificates, AreToldToNobodyUnlessAskedFor) {
  options_.forward_client_certificate = false;
  EXPECT_TRUE(Accepts(&friend_));
  EXPECT_EQ(forwarded_, "");
}

INSTANTIATE_TEST_SUITE_P(, ClientCertificates, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

TEST(ClientCertificatesOfAFile, ThatCannotBeReadAreAnErrorThatNamesIt) {
  std::string problem;
  EXPECT_FALSE(TlsServerContext::Make({SelfSigned({"a.example"})}, {.client_ca_file = "/nowhere/ca.pem"}, &problem));
  EXPECT_NE(problem.find("/nowhere/ca.pem"), std::string::npos) << problem;
}

// ---- 421 -----------------------------------------------------------------------------------------------------------

TEST(MisdirectedRequests, AreThoseForTheHostOfAnotherCertificate) {
  const auto context = Server(
      {SelfSigned({"shop.example", "*.shop.example"}), SelfSigned({"bank.example"}), SelfSigned({"pay.shop.example"})});
  Meeting shop(context);
  ASSERT_TRUE(shop.Shake(nullptr, "shop.example"));
  EXPECT_TRUE(context->Misdirected(shop.server, "bank.example"));
  EXPECT_FALSE(context->Misdirected(shop.server, "shop.example"));
  EXPECT_FALSE(context->Misdirected(shop.server, "www.shop.example")) << "a browser may use one connection for both";
  EXPECT_FALSE(context->Misdirected(shop.server, "pay.shop.example"))
      << "it has a certificate of its own, but the one that was shown covers it";
  EXPECT_FALSE(context->Misdirected(shop.server, "nobody.example")) << "the routes decide";
  EXPECT_FALSE(context->Misdirected(shop.server, ""));
  Meeting pay(context);
  ASSERT_TRUE(pay.Shake(nullptr, "pay.shop.example"));
  EXPECT_TRUE(context->Misdirected(pay.server, "shop.example"));
}

TEST(MisdirectedRequests, DoNotExistWithOneCertificate) {
  const auto context = Server({SelfSigned({"shop.example"})});
  Meeting shop(context);
  ASSERT_TRUE(shop.Shake());
  EXPECT_FALSE(context->Misdirected(shop.server, "bank.example"));
}

}  // namespace
}  // namespace meridian
