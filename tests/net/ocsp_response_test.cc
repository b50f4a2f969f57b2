// OCSP responses: which are good for a certificate, and who gets them stapled.
#include "net/ocsp_response.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "net/tls_meeting.h"
#include "support/certificates.h"

namespace meridian {
namespace {

using testing::CertificateFiles;
using ::testing::HasSubstr;
using testing::IssueOptions;
using testing::KeyKind;
using testing::Meeting;
using testing::OcspAnswer;
using testing::TempDir;
using testing::TestCertificates;
using Responses = TlsServerContext::OcspResponses;

std::shared_ptr<const TlsServerContext> Server(const std::vector<CertificateFiles>& certificates) {
  std::vector<PemPair> pairs;
  for (const CertificateFiles& files : certificates) pairs.push_back({files.certificate, files.key});
  std::string problem;
  auto context = TlsServerContext::Make(pairs, {}, &problem);
  EXPECT_TRUE(context) << problem;
  return context;
}

// ---- which are good ------------------------------------------------------------------------------------------------

class OcspResponses : public ::testing::Test {
 protected:
  // Empty: it is good.
  std::string Complaint(const std::string& der) {
    std::string problem;
    response_ = server_->CheckOcsp(0, der, &problem);
    EXPECT_EQ(response_ == nullptr, !problem.empty());
    return problem;
  }
  std::string ComplaintAbout(const OcspAnswer& answer) { return Complaint(authority_.Ocsp(shop_.certificate, answer)); }

  TempDir dir_;
  TestCertificates authority_{dir_};
  CertificateFiles shop_ = authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}, {.with_issuer = true});
  std::shared_ptr<const TlsServerContext> server_ = Server({shop_});
  std::shared_ptr<const OcspResponse> response_;
};

TEST_F(OcspResponses, OfTheIssuerAreGood) {
  EXPECT_EQ(ComplaintAbout({.from = -60, .until = 600}), "");
  EXPECT_EQ(response_->until_unix_s - response_->from_unix_s, 660);
  EXPECT_EQ(response_->der.empty(), false);
}

TEST_F(OcspResponses, OfAResponderThatTheIssuerAppointedAreGoodAsLongAsItsCertificate) {
  EXPECT_EQ(ComplaintAbout({.signer = OcspAnswer::Signer::kDelegate, .until = 600}), "");
  const int64_t end = response_->until_unix_s;
  EXPECT_EQ(ComplaintAbout({.signer = OcspAnswer::Signer::kDelegate, .until = 600, .delegate_until = 60}), "");
  EXPECT_NEAR(static_cast<double>(end - response_->until_unix_s), 540, 30) << "clients would not believe it any more";
}

TEST_F(OcspResponses, ThatAreOutOfDateAreStillUnderstood) {
  EXPECT_EQ(ComplaintAbout({.from = -7200, .until = -3600}), "") << "the caller judges, it knows the time";
  EXPECT_EQ(response_->until_unix_s - response_->from_unix_s, 3600);
}

TEST_F(OcspResponses, ThatNobodyOfOursSignedAreRefused) {
  EXPECT_THAT(ComplaintAbout({.signer = OcspAnswer::Signer::kStranger}), HasSubstr("signature that does not verify"));
  std::string der = authority_.Ocsp(shop_.certificate);
  der.back() = static_cast<char>(der.back() ^ 1);
  EXPECT_THAT(Complaint(der), HasSubstr("signature that does not verify"));
}

TEST_F(OcspResponses, OfAnotherCertificateAreRefused) {
  const CertificateFiles bank = authority_.Issue("bank", KeyKind::kEcdsa, {"bank.example"});
  EXPECT_EQ(Complaint(authority_.Ocsp(bank.certificate)), "is for another certificate");
  TempDir elsewhere;
  EXPECT_EQ(Complaint(TestCertificates(elsewhere).Ocsp(shop_.certificate)), "is for another certificate")
      << "the same serial number and name, by an authority with another key";
}

TEST_F(OcspResponses, ThatDoNotSayGoodAreRefused) {
  EXPECT_EQ(ComplaintAbout({.verdict = OcspAnswer::Verdict::kRevoked}), "says that the certificate is revoked");
  EXPECT_EQ(ComplaintAbout({.verdict = OcspAnswer::Verdict::kUnknown}), "says that the certificate is unknown");
  EXPECT_EQ(Complaint(TestCertificates::OcspRefusal()), "is a responder's refusal: trylater");
  EXPECT_EQ(ComplaintAbout({.until = 0}), "does not say until when it is good (nextUpdate)");
}

TEST_F(OcspResponses, ThatAreNoneAreRefused) {
  const std::string der = authority_.Ocsp(shop_.certificate);
  EXPECT_EQ(Complaint(""), "is not an OCSP response in DER");
  EXPECT_EQ(Complaint("good"), "is not an OCSP response in DER");
  EXPECT_EQ(Complaint(der + "."), "is not an OCSP response in DER");
  EXPECT_EQ(Complaint("-----BEGIN OCSP RESPONSE-----\n"), "is PEM, and must be DER");
  for (size_t n = 0; n < der.size(); ++n) EXPECT_NE(Complaint(der.substr(0, n)), "") << n;
}

TEST_F(OcspResponses, OfAChainWithoutIssuerAreKnownByItsName) {
  const CertificateFiles alone = authority_.Issue("alone", KeyKind::kEcdsa, {"alone.example"});
  server_ = Server({alone});
  EXPECT_EQ(Complaint(authority_.Ocsp(alone.certificate)), "");
  EXPECT_EQ(Complaint(authority_.Ocsp(alone.certificate, {.signer = OcspAnswer::Signer::kStranger})), "")
      << "nobody here knows the key";
  EXPECT_EQ(Complaint(authority_.Ocsp(shop_.certificate)), "is for another certificate");
}

TEST_F(OcspResponses, AreMissedByACertificateThatSaysSo) {
  EXPECT_FALSE(server_->MustStaple(0));
  EXPECT_TRUE(
      Server({authority_.Issue("strict", KeyKind::kEcdsa, {"a.example"}, {.must_staple = true})})->MustStaple(0));
}

// ---- who gets them -------------------------------------------------------------------------------------------------

class Stapling : public ::testing::TestWithParam<int> {
 protected:
  Responses ResponsesFor(const std::vector<CertificateFiles>& certificates) {
    const auto server = Server(certificates);
    Responses responses;
    for (size_t i = 0; i < certificates.size(); ++i) {
      std::string problem;
      responses.push_back(server->CheckOcsp(i, authority_.Ocsp(certificates[i].certificate), &problem));
      EXPECT_TRUE(responses.back()) << problem;
    }
    return responses;
  }
  static void Ask(Meeting& meeting) { SSL_CTX_set_tlsext_status_type(meeting.client_context, TLSEXT_STATUSTYPE_ocsp); }
  static std::string Received(const Meeting& meeting) {
    const unsigned char* der = nullptr;
    const long size = SSL_get_tlsext_status_ocsp_resp(meeting.client, &der);
    return size > 0 ? std::string(reinterpret_cast<const char*>(der), static_cast<size_t>(size)) : "";
  }

  TempDir dir_;
  TestCertificates authority_{dir_};
};

TEST_P(Stapling, IsForClientsThatAsk) {
  const std::vector<CertificateFiles> shop = {authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"})};
  const Responses responses = ResponsesFor(shop);
  const auto server = Server(shop)->WithOcsp(responses);
  Meeting asks(server, GetParam()), silent(server, GetParam());
  Ask(asks);
  ASSERT_TRUE(asks.Shake());
  EXPECT_EQ(Received(asks), responses[0]->der);
  ASSERT_TRUE(silent.Shake());
  EXPECT_EQ(Received(silent), "");
}

TEST_P(Stapling, TakesTheResponseOfTheCertificateThatIsShown) {
  const std::vector<CertificateFiles> all = {authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}),
                                             authority_.Issue("rsa", KeyKind::kRsa, {"shop.example"}),
                                             authority_.Issue("bank", KeyKind::kEcdsa, {"bank.example"})};
  const Responses responses = ResponsesFor(all);
  const auto server = Server(all)->WithOcsp(responses);
  const auto stapled = [&](const char* name, const char* algorithms) {
    Meeting meeting(server, GetParam());
    Ask(meeting);
    SSL_CTX_set1_sigalgs_list(meeting.client_context, algorithms);
    EXPECT_TRUE(meeting.Shake(nullptr, name));
    return Received(meeting);
  };
  EXPECT_EQ(stapled("shop.example", "ECDSA+SHA256:RSA-PSS+SHA256"), responses[0]->der);
  EXPECT_EQ(stapled("shop.example", "RSA-PSS+SHA256"), responses[1]->der);
  EXPECT_EQ(stapled("bank.example", "ECDSA+SHA256"), responses[2]->der);
}

TEST_P(Stapling, HasNothingForCertificatesWithoutAResponse) {
  const std::vector<CertificateFiles> all = {authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"}),
                                             authority_.Issue("bank", KeyKind::kEcdsa, {"bank.example"})};
  Responses responses = ResponsesFor(all);
  responses[1] = nullptr;
  const auto server = Server(all)->WithOcsp(responses);
  Meeting bank(server, GetParam());
  Ask(bank);
  ASSERT_TRUE(bank.Shake(nullptr, "bank.example"));
  EXPECT_EQ(Received(bank), "");
  Meeting none(Server(all), GetParam());
  Ask(none);
  ASSERT_TRUE(none.Shake());
  EXPECT_EQ(Received(none), "");
}

TEST_P(Stapling, OutlivesNewKeysOfTickets) {
  const std::vector<CertificateFiles> shop = {authority_.Issue("shop", KeyKind::kEcdsa, {"shop.example"})};
  const Responses responses = ResponsesFor(shop);
  const auto server = Server(shop)->WithOcsp(responses)->WithTickets(TicketKeys::Make());
  Meeting first(server, GetParam());
  Ask(first);
  ASSERT_TRUE(first.Shake());
  EXPECT_EQ(Received(first), responses[0]->der);
  Meeting next(server, GetParam());
  Ask(next);
  ASSERT_TRUE(next.Shake(first.ticket().get()));
  EXPECT_TRUE(next.resumed());
  const unsigned char* sent = nullptr;
  EXPECT_LE(SSL_get_tlsext_status_ocsp_resp(next.server, &sent), 0) << "no certificate, no status";
}

INSTANTIATE_TEST_SUITE_P(, Stapling, ::testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) { return version.param == TLS1_2_VERSION ? "Tls12" : "Tls13"; });

}  // namespace
}  // namespace meridian
