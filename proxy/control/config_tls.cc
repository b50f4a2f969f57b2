// The `tls` section of a listener: certificates, and what goes for all of them.
#include "control/config_sections.h"

namespace meridian {
namespace {

template <class T, class Member>
Field<T> FileField(std::string key, std::string type, Member member) {
  return CustomField<T>(std::move(key), std::move(type), "", "", [member](const Entry& entry, Decoder& d, T& out) {
    std::invoke(member, out) = DecodeReadableFile(entry, d).value_or("");
  });
}

// `pair`: from T& to its pair.
template <class T, class Pair>
Fields<T> PairFields(Pair pair) {
  const auto of = [pair](std::string CertificateConfig::*member) {
    return [pair, member](T& t) -> std::string& { return pair(t).*member; };
  };
  return {
      Required(FileField<T>("certificate", "PEM file", of(&CertificateConfig::certificate))),
      Required(FileField<T>("key", "PEM file", of(&CertificateConfig::key))),
      FileField<T>("ocsp_file", "DER file", of(&CertificateConfig::ocsp_file)),
  };
}

const Fields<CertificateConfig>& CertificateFields() {
  static const Fields<CertificateConfig> fields =
      PairFields<CertificateConfig>([](CertificateConfig& c) -> CertificateConfig& { return c; });
  return fields;
}

// The first is for clients that name no server.
void DecodeCertificates(const Entry& entry, Decoder& d, std::vector<CertificateConfig>& out) {
  const std::string what = "'" + entry.key.text + "'";
  if (entry.value.items.empty()) d.problems.Add(entry.value.at, what + " holds no certificate");
  for (const YamlNode& item : entry.value.items) {
    DecodeSection(item, item.at, what, CertificateFields(), d, out.emplace_back());
  }
}

Field<TlsServerOptions> CiphersField(std::string key, TlsVersion version,
                                     std::vector<std::string> TlsServerOptions::*member) {
  return CustomField<TlsServerOptions>(
      std::move(key), "list of names", "", "", [=](const Entry& entry, Decoder& d, TlsServerOptions& out) {
        if (!ExpectList(entry, d)) return;
        if (entry.value.items.empty()) d.problems.Add(entry.value.at, "'" + entry.key.text + "' is empty");
        for (const YamlNode& item : entry.value.items) {
          const Entry name{entry.key, item};
          if (!ExpectText(name, d) || !Accept(name, CheckTlsCipher(item.text, version), d)) continue;
          (out.*member).push_back(item.text);
        }
      });
}

// A listener that was meant to ask for certificates and does not is open to everybody.
void ExpectClientCa(const Entry& entry, Decoder& d, const TlsServerOptions& out) {
  if (!out.client_ca_file.empty()) return;
  d.problems.Add(entry.key.at, "'" + entry.key.text + "' has no effect without 'client_ca'");
}

const Fields<TlsServerOptions>& OptionFields() {
  static const Fields<TlsServerOptions> fields = {
      CustomField<TlsServerOptions>("min_version", "1.2 or 1.3", "", "1.2",
                                    [](const Entry& entry, Decoder& d, TlsServerOptions& out) {
                                      if (const auto index = DecodeWord(entry, {"1.2", "1.3"}, d)) {
                                        out.min_version = *index == 0 ? TlsVersion::kTls12 : TlsVersion::kTls13;
                                      }
                                    }),
      CiphersField("ciphers", TlsVersion::kTls12, &TlsServerOptions::ciphers),
      CiphersField("ciphersuites", TlsVersion::kTls13, &TlsServerOptions::ciphersuites),
      FileField<TlsServerOptions>("client_ca", "PEM file", &TlsServerOptions::client_ca_file),
      CustomField<TlsServerOptions>("client_certificate", "required or optional", "", "required",
                                    [](const Entry& entry, Decoder& d, TlsServerOptions& out) {
                                      ExpectClientCa(entry, d, out);
                                      if (const auto index = DecodeWord(entry, {"required", "optional"}, d)) {
                                        out.client_certificate =
                                            *index == 0 ? ClientCertificate::kRequired : ClientCertificate::kOptional;
                                      }
                                    }),
      CustomField<TlsServerOptions>("forward_client_certificate", "boolean", "", "false",
                                    [](const Entry& entry, Decoder& d, TlsServerOptions& out) {
                                      ExpectClientCa(entry, d, out);
                                      DecodeBool(entry, d, &out.forward_client_certificate);
                                    }),
  };
  return fields;
}

// The map: one pair, or `certificates`, beside the options.
const Fields<ListenerConfig>& TlsFields() {
  static const Fields<ListenerConfig> fields = [] {
    Fields<ListenerConfig> all = PairFields<ListenerConfig>([](ListenerConfig& l) -> CertificateConfig& {
      if (l.certificates.empty()) l.certificates.emplace_back();
      return l.certificates.front();
    });
    Field<ListenerConfig> several = CustomField<ListenerConfig>(
        "certificates", "list of maps", "", "", [](const Entry& entry, Decoder& d, ListenerConfig& out) {
          if (ExpectList(entry, d)) DecodeCertificates(entry, d, out.certificates);
        });
    several.list = [](const std::string& path, std::vector<ConfigKey>& out) {
      ListKeys(CertificateFields(), path + "[]", out);
    };
    all.push_back(std::move(several));
    for (const Field<TlsServerOptions>& option : OptionFields()) {
      all.push_back(
          CustomField<ListenerConfig>(option.key, option.type, option.range, option.standard,
                                      [decode = option.decode](const Entry& entry, Decoder& d, ListenerConfig& out) {
                                        decode(entry, d, out.tls);
                                      }));
    }
    return all;
  }();
  return fields;
}

// The same without what `certificates` takes the place of.
const Fields<ListenerConfig>& SeveralFields() {
  static const Fields<ListenerConfig> fields(TlsFields().begin() + static_cast<long>(CertificateFields().size()),
                                             TlsFields().end());
  return fields;
}

void DecodeTls(const Entry& entry, Decoder& d, ListenerConfig& out) {
  if (entry.value.kind == YamlNode::Kind::kList) return DecodeCertificates(entry, d, out.certificates);
  const bool several = entry.value.Find("certificates") != nullptr;
  if (several) {
    for (const Field<CertificateConfig>& field : CertificateFields()) {
      if (entry.value.Find(field.key)) {
        return d.problems.Add(entry.value.KeyPlace(field.key),
                              "'" + field.key + "' beside 'certificates': write it into an item of the list");
      }
    }
  }
  DecodeSection(entry.value, entry.key.at, "'tls'", several ? SeveralFields() : TlsFields(), d, out);
  if (out.tls.min_version != TlsVersion::kTls13 || out.tls.ciphers.empty()) return;
  d.problems.Add(entry.value.at, "'ciphers' has no effect: they are of TLS 1.2, and 'min_version' is 1.3");
}

}  // namespace

Field<ListenerConfig> TlsField() {
  Field<ListenerConfig> tls = CustomField<ListenerConfig>("tls", "map or list of maps", "", "", DecodeTls);
  tls.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(TlsFields(), path, out); };
  return tls;
}

}  // namespace meridian
