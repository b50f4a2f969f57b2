// Sections about where requests can go: regions and services.
#include "control/config_sections.h"

namespace meridian {
namespace {

constexpr int kLeastFailureStatus = 400;  // to fail over on a success or a redirect would repeat it for ever
constexpr int kLeastFinalStatus = 200;

// Reports once, at the first one too many. `what` is plural.
bool WithinLimit(size_t count, size_t limit, const char* what, TextPosition at, Decoder& d) {
  if (count == limit) d.problems.Add(at, "more than " + std::to_string(limit) + " " + what);
  return count < limit;
}

// --- regions

const Fields<RegionModel>& RegionFields() {
  static const Fields<RegionModel> fields = {
      LocationField<RegionModel>(&RegionModel::location),
      CustomField<RegionModel>("dial", "percentage", "0% … 100%", "100%",
                               [](const Entry& entry, Decoder& d, RegionModel& out) {
                                 uint32_t ppm = 0;
                                 if (!ExpectText(entry, d)) return;
                                 if (!Accept(entry, ParsePercent(entry.value.text, &ppm), d)) return;
                                 out.dial = static_cast<double>(ppm) / kMaxWeight;
                               }),
  };
  return fields;
}

void DecodeRegions(const Entry& entry, Decoder& d, ConfigDraft& out) {
  if (!ExpectMap(entry.value, entry.key.at, "'regions'", d)) return;
  if (entry.value.keys.empty()) d.problems.Add(entry.value.at, "'regions' is empty: origins need one");
  for (size_t i = 0; i < entry.value.keys.size(); ++i) {
    const YamlKey& key = entry.value.keys[i];
    if (!WithinLimit(i, kMaxRegions, "regions", key.at, d)) return;
    d.regions.Add(key.text, key.at, d.problems);
    RegionModel& region = out.model.regions.emplace_back();
    region.name = key.text;
    DecodeSection(entry.value.items[i], key.at, "region " + Quoted(key.text), RegionFields(), d, region);
  }
}

// --- origins

// Never of one that could not be read.
bool SameOrigin(const OriginModel& a, const OriginModel& b) {
  return !a.host.empty() && a.protocol == b.protocol && a.host == b.host && a.port == b.port;
}

// One URL or a list of them. REQUIRES: `entry` is the region's name and what is under it.
void DecodeRegionOrigins(const Entry& entry, Decoder& d, ServiceRegionModel& out) {
  const std::span<const YamlNode> values = OneOrMore(entry.value);
  if (values.empty()) d.problems.Add(entry.value.at, "region " + Quoted(entry.key.text) + " has no origins");
  std::vector<int> lines;
  for (size_t i = 0; i < values.size(); ++i) {
    const YamlKey label{"origin", entry.key.at};
    const Entry item{label, values[i]};
    if (!WithinLimit(i, kMaxOriginsPerRegion, "origins in a region", item.value.at, d)) return;
    OriginModel origin;
    if (!ExpectText(item, d) || !Accept(item, ParseOriginUrl(item.value.text, &origin), d)) {
      origin.protocol = OriginProtocol::kHttps;  // it may be meant so: no complaint about `tls` on top
    }
    const auto same = std::find_if(out.origins.begin(), out.origins.end(),
                                   [&](const OriginModel& other) { return SameOrigin(other, origin); });
    if (same != out.origins.end()) {
      const int line = lines[static_cast<size_t>(same - out.origins.begin())];
      d.problems.Add(item.value.at, "origin " + Quoted(origin.url) + " is already in this region",
                     "see line " + std::to_string(line));
    }
    out.origins.push_back(std::move(origin));
    lines.push_back(item.value.at.line);
  }
}

void DecodeOrigins(const Entry& entry, Decoder& d, ServiceModel& out) {
  if (!ExpectMap(entry.value, entry.key.at, "'origins'", d)) return;
  if (entry.value.keys.empty()) d.problems.Add(entry.value.at, "'origins' is empty: a service needs one origin");
  for (size_t i = 0; i < entry.value.keys.size(); ++i) {
    const YamlKey& key = entry.value.keys[i];
    const std::optional<uint16_t> region = d.regions.Resolve(key.text, key.at, d.problems);
    ServiceRegionModel& origins = out.regions.emplace_back();
    origins.region = region.value_or(0);
    DecodeRegionOrigins({key, entry.value.items[i]}, d, origins);
  }
}

// --- health, failover, timeouts, pool, tls

const Fields<HealthModel>& HealthFields() {
  using H = HealthModel;
  static const Fields<H> fields = {
      TextField<H>("path", &H::path, "path", [](std::string_view text) { return CheckPath(text, true); }),
      TextField<H>("host", &H::host, "host[:port]", CheckHostHeader),
      DurationField<H>("interval", &H::interval, 50ms, 1h),
      DurationField<H>("timeout", &H::timeout, 10ms, 10min),
      DurationField<H>("recheck", &H::recheck, 50ms, 1h),
      IntegerField<H>("fall", &H::fall, 1, 100),
      IntegerField<H>("rise", &H::rise, 1, 100),
      StatusesField<H>("expect", &H::expect, kLeastFinalStatus),
  };
  return fields;
}

void DecodeHealth(const Entry& entry, Decoder& d, ServiceModel& out) {
  const size_t problems = d.problems.size();
  out.health.enabled = true;
  DecodeSection(entry.value, entry.key.at, "'health'", HealthFields(), d, out.health);
  if (d.problems.size() != problems) return;
  if (entry.value.Find("expect") && out.health.expect.empty()) {
    d.problems.Add(entry.value.ValuePlace("expect"), "'expect' is empty: no probe could succeed");
  }
  if (out.health.timeout <= 10 * out.health.interval) return;
  d.problems.Add(entry.value.ValuePlace(entry.value.Find("timeout") ? "timeout" : "interval"),
                 "'timeout' (" + FormatDuration(out.health.timeout) + ") must not be more than ten times 'interval' (" +
                     FormatDuration(out.health.interval) + ")");
}

const Fields<FailoverModel>& FailoverFields() {
  using F = FailoverModel;
  static const Fields<F> fields = [] {
    Field<F> attempt_timeout = DurationField<F>("attempt_timeout", &F::attempt_timeout, 10ms, 10min);
    attempt_timeout.type = "duration or auto";
    attempt_timeout.standard = "auto";
    attempt_timeout.decode = [duration = attempt_timeout.decode](const Entry& entry, Decoder& d, F& out) {
      const bool automatic = entry.value.kind == YamlNode::Kind::kScalar && entry.value.text == "auto";
      if (automatic) {
        out.attempt_timeout = Duration::zero();
      } else {
        duration(entry, d, out);
      }
    };
    return Fields<F>{
        StatusesField<F>("statuses", &F::statuses, kLeastFailureStatus),
        IntegerField<F>("attempts", &F::attempts, 1, 8),
        std::move(attempt_timeout),
        DurationField<F>("ramp", &F::ramp, 0s, 1h),
        SizeField<F>("replay_limit", &F::replay_limit, 0, 64 * 1024 * 1024),
        ObjectiveField<F>("objective", &F::objective),
    };
  }();
  return fields;
}

Field<TimeoutModel> FirstByteField() {
  Field<TimeoutModel> field = DurationField<TimeoutModel>("first_byte", &TimeoutModel::first_byte, 10ms, 1h);
  field.standard = "";
  return field;
}

const Fields<TimeoutModel>& TimeoutFields() {
  using T = TimeoutModel;
  static const Fields<T> fields = {
      DurationField<T>("connect", &T::connect, 10ms, 5min),
      DurationField<T>("tls", &T::tls, 10ms, 5min),
      FirstByteField(),
      DurationField<T>("request", &T::request, 10ms, 1h),
      DurationField<T>("stall", &T::stall, 100ms, 10min),
      DurationField<T>("idle", &T::idle, 100ms, 24h),
      DurationField<T>("tunnel", &T::tunnel, 1s, 168h),
  };
  return fields;
}

const Fields<PoolModel>& PoolFields() {
  using P = PoolModel;
  static const Fields<P> fields = {
      IntegerField<P>("max_connections", &P::max_connections, 1, 65'535),
      IntegerField<P>("max_streams", &P::max_streams, 1, 10'000),
      IntegerField<P>("max_pending", &P::max_pending, 0, 1'000'000),
      BoolField<P>("warm", &P::warm),
      DurationField<P>("idle_timeout", &P::idle_timeout, 1s, 24h),
  };
  return fields;
}

const Fields<OriginTls>& TlsFields() {
  static const Fields<OriginTls> fields = {
      CustomField<OriginTls>("ca", "PEM file", "", "",
                             [](const Entry& entry, Decoder& d, OriginTls& out) {
                               out.ca_file = DecodeReadableFile(entry, d).value_or("");
                             }),
      TextField<OriginTls>("server_name", &OriginTls::server_name, "host", CheckHostName),
      BoolField<OriginTls>("verify", &OriginTls::verify),
  };
  return fields;
}

// Options that no origin would ever use are most likely a scheme forgotten.
void DecodeTls(const Entry& entry, Decoder& d, ServiceModel& out) {
  DecodeSection(entry.value, entry.key.at, "'tls'", TlsFields(), d, out.tls);
  bool any = false, used = false;
  for (const ServiceRegionModel& region : out.regions) {
    for (const OriginModel& origin : region.origins) {
      any = true;
      used = used || UsesTls(origin.protocol);
    }
  }
  if (used || !any) return;
  d.problems.Add(entry.key.at, "'tls' has no effect: no origin of service " + Quoted(out.name) + " is https or h2");
}

// --- services

const Fields<ServiceModel>& OneServiceFields() {
  using S = ServiceModel;
  static const Fields<S> fields = [] {
    Field<S> origins = Required(CustomField<S>("origins", "map of region: URL or list", "", "", DecodeOrigins));
    Field<S> health = CustomField<S>("health", "map", "", "no probes", DecodeHealth);
    health.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(HealthFields(), path, out); };
    Field<S> tls = CustomField<S>("tls", "map", "", "", DecodeTls);
    tls.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(TlsFields(), path, out); };
    return Fields<S>{
        std::move(origins),
        std::move(health),
        SectionField<S>("failover", &S::failover, FailoverFields()),
        SectionField<S>("timeouts", &S::timeouts, TimeoutFields()),
        SectionField<S>("pool", &S::pool, PoolFields()),
        std::move(tls),
        CustomField<S>("proxy_protocol", "off, v1 or v2", "", "off",
                       [](const Entry& entry, Decoder& d, S& out) {
                         if (const auto index = DecodeWord(entry, {"off", "v1", "v2"}, d)) {
                           out.proxy_protocol = static_cast<ProxyProtocol>(*index);
                         }
                       }),
    };
  }();
  return fields;
}

void DecodeService(const Entry& entry, Decoder& d, ServiceModel& out) {
  out.name = entry.key.text;
  DecodeSection(entry.value, entry.key.at, "service " + Quoted(entry.key.text), OneServiceFields(), d, out);
}

void DecodeServices(const Entry& entry, Decoder& d, ConfigDraft& out) {
  if (!ExpectMap(entry.value, entry.key.at, "'services'", d)) return;
  if (entry.value.keys.empty()) d.problems.Add(entry.value.at, "'services' is empty: routes need one");
  for (size_t i = 0; i < entry.value.keys.size(); ++i) {
    const YamlKey& key = entry.value.keys[i];
    if (!WithinLimit(i, kMaxServices, "services", key.at, d)) return;
    d.services.Add(key.text, key.at, d.problems);
    DecodeService({key, entry.value.items[i]}, d, out.model.services.emplace_back());
  }
}

template <class T>
Field<ConfigDraft> NamedField(std::string key, void (*decode)(const Entry&, Decoder&, ConfigDraft&),
                              const Fields<T>& fields) {
  Field<ConfigDraft> field = Required(CustomField<ConfigDraft>(std::move(key), "map by name", "", "", decode));
  field.list = [&fields](const std::string& path, std::vector<ConfigKey>& out) {
    ListKeys(fields, path + ".<name>", out);
  };
  return field;
}

}  // namespace

Fields<ConfigDraft> ServiceFields() {
  return {NamedField("regions", DecodeRegions, RegionFields()),
          ObjectiveField<ConfigDraft>("failover_objective", &ConfigDraft::objective),
          NamedField("services", DecodeServices, OneServiceFields())};
}

}  // namespace meridian
