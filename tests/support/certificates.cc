#include "support/certificates.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <atomic>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freer<&EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freer<&X509_free>>;
using Memory = std::unique_ptr<BIO, Freer<&BIO_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<&X509_EXTENSION_free>>;

Key MakeKey(KeyKind kind) {
  Key key(kind == KeyKind::kEcdsa ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048));
  if (!key) throw HarnessError("cannot make a key");
  return key;
}

void AddExtension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()));
  if (!extension || !X509_add_ext(certificate, extension.get(), -1)) {
    throw HarnessError("certificate extension refused: " + value);
  }
}

Certificate NewCertificate(EVP_PKEY* key, const std::string& common_name) {
  static std::atomic<long> serial{1};
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), serial++);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 7 * 24 * 3600);
  X509_set_pubkey(certificate.get(), key);
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate.get()), "CN", MBSTRING_UTF8, text, -1, -1, 0);
  return certificate;
}

template <typename T>
std::string Der(int (*write)(const T*, unsigned char**), const T* object) {
  unsigned char* bytes = nullptr;
  const int size = write(object, &bytes);
  if (size <= 0) throw HarnessError("cannot be written in DER");
  const std::string text(reinterpret_cast<const char*>(bytes), static_cast<size_t>(size));
  OPENSSL_free(bytes);
  return text;
}

std::string Text(BIO* memory) {
  const char* data = nullptr;
  const long length = BIO_ctrl(memory, BIO_CTRL_INFO, 0, &data);
  return {data, static_cast<size_t>(length)};
}

std::string Pem(X509* certificate) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_X509(memory.get(), certificate);
  return Text(memory.get());
}

std::string Pem(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_mem()));
  PEM_write_bio_PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr);
  return Text(memory.get());
}

bool IsAddress(const std::string& name) {
  unsigned char binary[16];
  return inet_pton(AF_INET, name.c_str(), binary) == 1 || inet_pton(AF_INET6, name.c_str(), binary) == 1;
}

std::string AltNames(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) {
    list += (list.empty() ? "" : ",") + std::string(IsAddress(name) ? "IP:" : "DNS:") + name;
  }
  return list;
}

}  // namespace

struct TestCertificates::Authority {
  Key key;
  Certificate certificate;
};

TestCertificates::TestCertificates(const TempDir& dir) : dir_(dir), ca_file_(dir.File("ca.pem")) {
  authority_ = std::make_unique<Authority>();
  authority_->key = MakeKey(KeyKind::kEcdsa);
  authority_->certificate = NewCertificate(authority_->key.get(), "Meridian test authority");
  X509* ca = authority_->certificate.get();
  X509_set_issuer_name(ca, X509_get_subject_name(ca));
  AddExtension(ca, ca, NID_basic_constraints, "critical,CA:TRUE");
  AddExtension(ca, ca, NID_key_usage, "critical,keyCertSign,cRLSign");
  AddExtension(ca, ca, NID_subject_key_identifier, "hash");
  X509_sign(ca, authority_->key.get(), EVP_sha256());
  WriteFile(ca_file_, Pem(ca));
}

TestCertificates::~TestCertificates() = default;

CertificateFiles TestCertificates::Issue(const std::string& label, KeyKind kind, const std::vector<std::string>& names,
                                         const IssueOptions& options) const {
  const Key key = MakeKey(kind);
  const Certificate leaf = NewCertificate(key.get(), names.at(0));
  X509* ca = authority_->certificate.get();
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(ca));
  AddExtension(leaf.get(), ca, NID_basic_constraints, "critical,CA:FALSE");
  AddExtension(leaf.get(), ca, NID_key_usage, "critical,digitalSignature,keyEncipherment");
  AddExtension(leaf.get(), ca, NID_ext_key_usage, "serverAuth,clientAuth");
  AddExtension(leaf.get(), ca, NID_authority_key_identifier, "keyid");
  AddExtension(leaf.get(), ca, NID_subject_alt_name, AltNames(names));
  if (options.must_staple) AddExtension(leaf.get(), ca, NID_tlsfeature, "status_request");
  X509_sign(leaf.get(), authority_->key.get(), EVP_sha256());
  const CertificateFiles files{dir_.File(label + ".pem"), dir_.File(label + ".key")};
  WriteFile(files.certificate, Pem(leaf.get()) + (options.with_issuer ? Pem(ca) : ""));
  WriteFile(files.key, Pem(key.get()));
  return files;
}

namespace {

using Response = std::unique_ptr<OCSP_RESPONSE, Freer<&OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Freer<&OCSP_BASICRESP_free>>;
using Time = std::unique_ptr<ASN1_TIME, Freer<&ASN1_TIME_free>>;

Certificate ReadCertificate(const std::string& file) {
  const Memory in(BIO_new_file(file.c_str(), "r"));
  Certificate certificate(in ? PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr) : nullptr);
  if (!certificate) throw HarnessError("no certificate in " + file);
  return certificate;
}

}  // namespace

std::string TestCertificates::Ocsp(const std::string& certificate_file, const OcspAnswer& answer) const {
  const Certificate leaf = ReadCertificate(certificate_file);
  X509* ca = authority_->certificate.get();
  const Basic basic(OCSP_BASICRESP_new());
  const Time from(X509_gmtime_adj(nullptr, answer.from)), until(X509_gmtime_adj(nullptr, answer.until));
  constexpr int kVerdicts[] = {V_OCSP_CERTSTATUS_GOOD, V_OCSP_CERTSTATUS_REVOKED, V_OCSP_CERTSTATUS_UNKNOWN};
  OCSP_CERTID* id = OCSP_cert_to_id(EVP_sha1(), leaf.get(), ca);
  OCSP_basic_add1_status(basic.get(), id, kVerdicts[static_cast<int>(answer.verdict)], 0, from.get(), from.get(),
                         answer.until == 0 ? nullptr : until.get());
  OCSP_CERTID_free(id);

  const bool by_issuer = answer.signer == OcspAnswer::Signer::kIssuer;
  const Key other = MakeKey(KeyKind::kEcdsa);
  Certificate responder = NewCertificate(other.get(), "Responder");
  if (!by_issuer) {
    X509_gmtime_adj(X509_getm_notAfter(responder.get()), answer.delegate_until);
    const bool stranger = answer.signer == OcspAnswer::Signer::kStranger;
    X509_set_issuer_name(responder.get(),
                         stranger ? X509_get_subject_name(responder.get()) : X509_get_subject_name(ca));
    AddExtension(responder.get(), ca, NID_ext_key_usage, "OCSPSigning");
    X509_sign(responder.get(), stranger ? other.get() : authority_->key.get(), EVP_sha256());
  }
  // An issuer's certificate is not in its responses: whoever checks them has it.
  if (OCSP_basic_sign(basic.get(), by_issuer ? ca : responder.get(), by_issuer ? authority_->key.get() : other.get(),
                      EVP_sha256(), nullptr, by_issuer ? OCSP_NOCERTS : 0) != 1) {
    throw HarnessError("cannot sign an OCSP response");
  }
  const Response response(OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic.get()));
  return Der(&i2d_OCSP_RESPONSE, response.get());
}

std::string TestCertificates::OcspRefusal() {
  const Response response(OCSP_response_create(OCSP_RESPONSE_STATUS_TRYLATER, nullptr));
  return Der(&i2d_OCSP_RESPONSE, response.get());
}

}  // namespace meridian::testing
