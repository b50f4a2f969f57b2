// Sections about the process itself: workers, edge, listeners, admin, access_log, limits, paths, trusted_proxies.
#include <filesystem>

#include "control/config_sections.h"
#include "net/address.h"
#include "net/trusted_proxies.h"

namespace meridian {
namespace {

constexpr int64_t kMaxWorkers = 256;

// --- edge

bool DecodeDegrees(const Entry& entry, const char* what, double most, Decoder& d, double* out) {
  if (!ExpectPlain(entry, "a number", d) || !Accept(entry, ParseNumber(entry.value.text, out), d)) return false;
  if (*out >= -most && *out <= most) return true;
  const std::string limit = std::to_string(static_cast<int>(most));
  d.problems.Add(entry.value.at, std::string(what) + " must be within −" + limit + " and " + limit +
                                     " degrees, but is " + entry.value.text);
  return false;
}

const Fields<Model>& EdgeFields() {
  static const Fields<Model> fields = {
      TextField<Model>("name", &Model::edge_name, "name", CheckName),
      LocationField<Model>(&Model::edge_location),
  };
  return fields;
}

// --- listeners

std::optional<Endpoint> DecodeAddress(const Entry& entry, Decoder& d) {
  Endpoint endpoint;
  if (!ExpectText(entry, d) || !Accept(entry, ParseListenAddress(entry.value.text, &endpoint), d)) return std::nullopt;
  return endpoint;
}

void DecodeProxies(const Entry& entry, Decoder& d, ListenerConfig& out) {
  if (!ExpectList(entry, d)) return;
  if (entry.value.items.empty())
    d.problems.Add(entry.value.at, "'proxy_protocol_from' is empty: leave it out to mean all");
  for (const YamlNode& item : entry.value.items) {
    const Entry network{entry.key, item};
    if (!ExpectText(network, d)) continue;
    if (const std::optional<Network> parsed = ParseNetwork(item.text)) {
      out.proxies.push_back(*parsed);
    } else {
      d.problems.Add(item.at, "'" + item.text + "' is no network", "write 192.0.2.0/24 or 2001:db8::/32");
    }
  }
}

const Fields<ListenerConfig>& ListenerFields() {
  static const Fields<ListenerConfig> fields = [] {
    Field<ListenerConfig> address = Required(CustomField<ListenerConfig>(
        "address", "ip:port", "", "", [](const Entry& entry, Decoder& d, ListenerConfig& out) {
          if (const std::optional<Endpoint> endpoint = DecodeAddress(entry, d)) out.address = EndpointText(*endpoint);
        }));
    Field<ListenerConfig> proxy = BoolField<ListenerConfig>("proxy_protocol", &ListenerConfig::proxy_protocol);
    Field<ListenerConfig> from =
        CustomField<ListenerConfig>("proxy_protocol_from", "list of networks", "", "", DecodeProxies);
    return Fields<ListenerConfig>{std::move(address), TlsField(), std::move(proxy), std::move(from)};
  }();
  return fields;
}

// Two sockets on one address would share its connections at random; port 0 is a different one each time.
void ClaimAddress(const std::string& address, TextPosition at, Decoder& d, ConfigDraft& out) {
  Endpoint endpoint;
  if (!ParseListenAddress(address, &endpoint).empty() || endpoint.port == 0) return;
  for (const ListenAddress& other : out.listen) {
    if (other.endpoint != endpoint) continue;
    d.problems.Add(at, "a second listener on " + address, "the first one is on line " + std::to_string(other.at.line));
    return;
  }
  out.listen.push_back({endpoint, at});
}

void DecodeListener(const YamlNode& node, Decoder& d, ConfigDraft& out) {
  ListenerConfig& listener = out.config.listeners.emplace_back();
  DecodeSection(node, node.at, "a listener", ListenerFields(), d, listener);
  if (node.Find("proxy_protocol_from") && !listener.proxy_protocol) {
    d.problems.Add(node.KeyPlace("proxy_protocol_from"),
                   "'proxy_protocol_from' has no meaning without 'proxy_protocol: true'");
  }
  if (node.Find("address")) ClaimAddress(listener.address, node.ValuePlace("address"), d, out);
}

void DecodeListeners(const Entry& entry, Decoder& d, ConfigDraft& out) {
  if (!ExpectList(entry, d)) return;
  if (entry.value.items.empty()) d.problems.Add(entry.value.at, "'listeners' is empty: nothing would be served");
  for (const YamlNode& item : entry.value.items) DecodeListener(item, d, out);
}

Field<ConfigDraft> ListenersField() {
  Field<ConfigDraft> field = Required(CustomField<ConfigDraft>("listeners", "list of maps", "", "", DecodeListeners));
  field.list = [](const std::string& path, std::vector<ConfigKey>& out) {
    ListKeys(ListenerFields(), path + "[]", out);
  };
  return field;
}

// --- admin

struct AdminDraft {
  AdminConfig config;
  bool enabled = true;
};

void DecodeAdminAddress(const Entry& entry, Decoder& d, AdminDraft& out) {
  const std::optional<Endpoint> endpoint = DecodeAddress(entry, d);
  if (!endpoint) return;
  if (!IsLoopback(*endpoint)) {
    d.problems.Add(entry.value.at,
                   "'address' of the admin endpoint must be a loopback address, since whoever reaches it may steer "
                   "traffic without a password",
                   "write 127.0.0.1:" + std::to_string(endpoint->port));
    return;
  }
  out.config.address = EndpointText(*endpoint);
}

const Fields<AdminDraft>& AdminFields() {
  static const Fields<AdminDraft> fields = {
      BoolField<AdminDraft>("enabled", &AdminDraft::enabled),
      CustomField<AdminDraft>("address", "ip:port", "loopback", AdminConfig{}.address, DecodeAdminAddress),
  };
  return fields;
}

void DecodeAdmin(const Entry& entry, Decoder& d, ConfigDraft& out) {
  AdminDraft admin;
  DecodeSection(entry.value, entry.key.at, "'admin'", AdminFields(), d, admin);
  if (admin.enabled) {
    out.config.admin = admin.config;
  } else {
    out.config.admin.reset();
  }
}

Field<ConfigDraft> AdminField() {
  Field<ConfigDraft> field = CustomField<ConfigDraft>("admin", "map", "", "", DecodeAdmin);
  field.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(AdminFields(), path, out); };
  return field;
}

// --- access_log

void DecodeLogPath(const Entry& entry, Decoder& d, AccessLogConfig& out) {
  if (!ExpectText(entry, d)) return;
  const std::string& text = entry.value.text;
  const bool stream = text == "stdout" || text == "stderr";
  if (Accept(entry, text.empty() ? "must not be empty" : "", d)) {
    out.path = stream ? text : (std::filesystem::path(d.base_dir) / text).string();
  }
}

const Fields<AccessLogConfig>& AccessLogFields() {
  static const Fields<AccessLogConfig> fields = {
      BoolField<AccessLogConfig>("enabled", &AccessLogConfig::enabled),
      CustomField<AccessLogConfig>("path", "stdout, stderr or a file", "", AccessLogConfig{}.path, DecodeLogPath),
      CustomField<AccessLogConfig>(
          "format", "json", "", "json",
          [](const Entry& entry, Decoder& d, AccessLogConfig&) { DecodeWord(entry, {"json"}, d); }),
  };
  return fields;
}

// --- limits

const Fields<LimitConfig>& LimitFields() {
  using L = LimitConfig;
  static const Fields<L> fields = {
      IntegerField<L>("max_connections", &L::max_connections, 0, 1'000'000),
      IntegerField<L>("max_connections_per_client", &L::max_connections_per_client, 0, 1'000'000),
      IntegerField<L>("max_streams", &L::max_streams, 1, 10'000),
      IntegerField<L>("max_requests", &L::max_requests, 0, 1'000'000'000),
      IntegerField<L>("handshakes_per_second", &L::handshakes_per_second, 0, 1'000'000),
      SizeField<L>("max_header_bytes", &L::max_header_bytes, 4 * 1024, 1024 * 1024),
      IntegerField<L>("max_headers", &L::max_headers, 10, 1000),
      SizeField<L>("max_target_bytes", &L::max_target_bytes, 1024, kLongestTarget),
      SizeField<L>("max_answer_bytes", &L::max_answer_bytes, 4 * 1024, 1024 * 1024),
      IntegerField<L>("max_answer_fields", &L::max_answer_fields, 10, 10'000),
      CustomField<L>("underscores", "pass, drop or refuse", "", "pass",
                     [](const Entry& entry, Decoder& d, L& out) {
                       constexpr Underscores kRules[] = {Underscores::kPass, Underscores::kDrop, Underscores::kRefuse};
                       if (const auto word = DecodeWord(entry, {"pass", "drop", "refuse"}, d)) {
                         out.underscores = kRules[*word];
                       }
                     }),
      IntegerField<L>("max_hops", &L::max_hops, 1, 100),
      SizeField<L>("replay_memory", &L::replay_memory, 0, uint64_t{64} << 30),
      SizeField<L>("buffer_memory", &L::buffer_memory, 16 * 1024 * 1024, uint64_t{1} << 40),
      SizeField<L>("min_body_rate", &L::min_body_rate, 0, 1024 * 1024),
      DurationField<L>("header_timeout", &L::header_timeout, 100ms, 10min),
      DurationField<L>("handshake_timeout", &L::handshake_timeout, 100ms, 10min),
      DurationField<L>("stall_timeout", &L::stall_timeout, 1s, 1h),
      DurationField<L>("idle_timeout", &L::idle_timeout, 1s, 24h),
      DurationField<L>("drain_timeout", &L::drain_timeout, 0s, 1h),
  };
  return fields;
}

// --- trusted_proxies

void DecodeTrusted(const Entry& entry, Decoder& d, ConfigDraft& out) {
  if (!ExpectList(entry, d)) return;
  for (const YamlNode& item : entry.value.items) {
    Cidr cidr;
    const Entry each{entry.key, item};
    if (ExpectText(each, d) && Accept(each, ParseCidr(item.text, &cidr), d)) out.model.trusted_proxies.push_back(cidr);
  }
}

Field<ConfigDraft> TrustClientCertField() {
  return CustomField<ConfigDraft>(
      "trust_client_cert", "boolean", "", "false", [](const Entry& entry, Decoder& d, ConfigDraft& out) {
        DecodeBool(entry, d, &out.model.trust_client_cert);
        if (!out.model.trust_client_cert || !out.model.trusted_proxies.empty()) return;
        d.problems.Add(entry.key.at, "'trust_client_cert' has no effect without 'trusted_proxies'");
      });
}

// --- paths

Field<ConfigDraft> PathsField() {
  return CustomField<ConfigDraft>(
      "paths", "normalize, strict or as_is", "", "normalize", [](const Entry& entry, Decoder& d, ConfigDraft& out) {
        constexpr PathPolicy kPolicies[] = {PathPolicy::kNormalize, PathPolicy::kStrict, PathPolicy::kAsIs};
        const std::optional<size_t> word = DecodeWord(entry, {"normalize", "strict", "as_is"}, d);
        if (word) d.paths = out.model.paths = kPolicies[*word];
      });
}

Field<ConfigDraft> WorkersField() {
  Field<ConfigDraft> field = IntegerField<ConfigDraft>(
      "workers", [](ConfigDraft& draft) -> int& { return draft.config.workers; }, 1, kMaxWorkers);
  field.standard = "one per core";
  return field;
}

}  // namespace

void DecodeLocation(const Entry& entry, Decoder& d, std::optional<Location>& out) {
  if (!ExpectList(entry, d)) return;
  if (entry.value.items.size() != 2) {
    d.problems.Add(entry.value.at, "'location' must be [latitude, longitude]");
    return;
  }
  Location location;
  const bool latitude = DecodeDegrees({entry.key, entry.value.items[0]}, "latitude", 90, d, &location.latitude);
  const bool longitude = DecodeDegrees({entry.key, entry.value.items[1]}, "longitude", 180, d, &location.longitude);
  if (latitude && longitude) out = location;
}

Fields<ConfigDraft> ProcessFields() {
  const auto log = [](ConfigDraft& draft) -> AccessLogConfig& { return draft.config.access_log; };
  const auto limits = [](ConfigDraft& draft) -> LimitConfig& { return draft.config.limits; };
  return {
      WorkersField(),
      SectionField<ConfigDraft>("edge", &ConfigDraft::model, EdgeFields()),
      ListenersField(),
      AdminField(),
      SectionField<ConfigDraft>("access_log", log, AccessLogFields()),
      SectionField<ConfigDraft>("limits", limits, LimitFields()),
      PathsField(),
      CustomField<ConfigDraft>("trusted_proxies", "list of addresses or ranges", "", "", DecodeTrusted),
      TrustClientCertField(),
  };
}

}  // namespace meridian
