// What a route does beside sending its requests to services: rewrite, redirect, reply, request_headers,
// response_headers.
#include <algorithm>
#include <set>

#include "control/config_sections.h"
#include "filters/value_template.h"
#include "http/header_rules.h"
#include "net/regular_file.h"

namespace meridian {
namespace {

constexpr size_t kMaxEdits = 64;  // of each list
constexpr size_t kMaxName = 256;
constexpr size_t kMaxValue = 4096;
constexpr size_t kMaxBody = 256 * 1024;

// --- header edits

// Why a field cannot be edited, or empty: it frames the message, belongs to one hop, or guards against loops.
std::string CheckEditedName(const std::string& name, bool request) {
  if (name.size() > kMaxName || !IsToken(name)) return "is no name of a header field";
  const HeaderId id = IdentifyHeader(name);
  if (id == HeaderId::kHost) return request ? "is changed by 'rewrite'" : "is no field of responses";
  if (id == HeaderId::kCdnLoop && request) return "must stay, or requests could go around forever";
  return IsOfConnection(id) ? "belongs to one connection: Meridian writes it itself" : "";
}

// The names that a section has mentioned so far.
struct EditsDraft {
  HeaderEdits edits;
  std::set<std::string> names;
  bool request = true;
};

std::string TakeName(const std::string& text, TextPosition at, Decoder& d, EditsDraft& out) {
  std::string name = Lower(text);
  if (const std::string complaint = CheckEditedName(name, out.request); !complaint.empty()) {
    d.problems.Add(at, Quoted(text) + " " + complaint);
  } else if (!out.names.insert(name).second) {
    d.problems.Add(at, Quoted(text) + " is edited twice");
  }
  return name;
}

std::string CheckValue(std::string_view text) {
  if (text.size() > kMaxValue) return "must not be longer than " + std::to_string(kMaxValue) + " bytes";
  return ValueTemplate::Check(text);
}

Field<EditsDraft> ValuesField(const char* key, HeaderEdits::Fields HeaderEdits::*member) {
  return CustomField<EditsDraft>(key, "map of field: value", "", "",
                                 [=](const Entry& entry, Decoder& d, EditsDraft& out) {
                                   if (!ExpectMap(entry.value, entry.key.at, Quoted(entry.key.text), d)) return;
                                   if (entry.value.keys.size() > kMaxEdits) {
                                     return d.problems.Add(entry.key.at, Quoted(key) + " has more than 64 entries");
                                   }
                                   for (size_t i = 0; i < entry.value.keys.size(); ++i) {
                                     const Entry item{entry.value.keys[i], entry.value.items[i]};
                                     std::string name = TakeName(item.key.text, item.key.at, d, out);
                                     if (!ExpectText(item, d) || !Accept(item, CheckValue(item.value.text), d))
                                       continue;
                                     (out.edits.*member).emplace_back(std::move(name), item.value.text);
                                   }
                                 });
}

const Fields<EditsDraft>& EditFields() {
  static const Fields<EditsDraft> fields = {
      ValuesField("set", &HeaderEdits::set),
      ValuesField("add", &HeaderEdits::add),
      CustomField<EditsDraft>("remove", "list of fields", "", "",
                              [](const Entry& entry, Decoder& d, EditsDraft& out) {
                                if (!ExpectList(entry, d)) return;
                                if (entry.value.items.size() > kMaxEdits) {
                                  return d.problems.Add(entry.key.at, "'remove' has more than 64 entries");
                                }
                                for (const YamlNode& item : entry.value.items) {
                                  if (!ExpectText({entry.key, item}, d)) continue;
                                  out.edits.remove.push_back(TakeName(item.text, item.at, d, out));
                                }
                              }),
  };
  return fields;
}

Field<RouteDraft> EditsField(const char* key, HeaderEdits RouteRules::*member, bool request) {
  Field<RouteDraft> field =
      CustomField<RouteDraft>(key, "map", "", "", [=](const Entry& entry, Decoder& d, RouteDraft& out) {
        EditsDraft draft;
        draft.request = request;
        DecodeSection(entry.value, entry.key.at, Quoted(entry.key.text), EditFields(), d, draft);
        out.rules.*member = std::move(draft.edits);
      });
  field.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(EditFields(), path, out); };
  return field;
}

// --- rewrite and redirect

std::string CheckNewPath(std::string_view text) { return CheckPath(text, false); }

// `member` leads from T to its TargetRule.
template <class T, class Member>
Fields<T> TargetFields(Member member) {
  const auto host = [=](T& rule) -> std::string& { return std::invoke(member, rule).host; };
  const auto path = [=](T& rule) -> std::string& { return std::invoke(member, rule).path; };
  const auto prefix = [=](T& rule) -> std::string& { return std::invoke(member, rule).prefix; };
  return {
      TextField<T>("host", host, "host[:port]", CheckHostHeader),
      TextField<T>("path", path, "path", CheckNewPath),
      TextField<T>("prefix", prefix, "path", CheckNewPath),
  };
}

const Fields<TargetRule>& RewriteFields() {
  static const Fields<TargetRule> fields =
      TargetFields<TargetRule>([](TargetRule& rule) -> TargetRule& { return rule; });
  return fields;
}

void DecodeRedirectStatus(const Entry& entry, Decoder& d, RedirectRule& out) {
  static const std::vector<std::string> words = {"301", "302", "303", "307", "308"};
  if (DecodeWord(entry, words, d)) out.status = std::stoi(entry.value.text);
}

const Fields<RedirectRule>& RedirectFields() {
  static const Fields<RedirectRule> fields = [] {
    Field<RedirectRule> port = IntegerField<RedirectRule>("port", &RedirectRule::port, 1, 65535);
    port.standard = "";
    Fields<RedirectRule> all = {
        CustomField<RedirectRule>("scheme", "http or https", "", "",
                                  [](const Entry& entry, Decoder& d, RedirectRule& out) {
                                    if (DecodeWord(entry, {"http", "https"}, d)) out.scheme = entry.value.text;
                                  }),
    };
    for (Field<RedirectRule>& field : TargetFields<RedirectRule>(&RedirectRule::target))
      all.push_back(std::move(field));
    all.push_back(std::move(port));
    all.push_back(CustomField<RedirectRule>("status", "301, 302, 303, 307 or 308", "", "307", DecodeRedirectStatus));
    return all;
  }();
  return fields;
}

// --- reply

void DecodeBody(const Entry& entry, Decoder& d, ReplyRule& out) {
  if (entry.value.kind != YamlNode::Kind::kScalar || entry.value.IsNull()) {
    return d.problems.Add(entry.value.at, "'body' must be a text");
  }
  if (entry.value.text.size() > kMaxBody) return d.problems.Add(entry.value.at, "'body' is larger than 256 KiB");
  out.body = entry.value.text;
}

void DecodeBodyFile(const Entry& entry, Decoder& d, ReplyRule& out) {
  const std::optional<std::string> path = DecodeReadableFile(entry, d);
  if (!path) return;
  std::string body;
  std::string why;
  if (!ReadRegularFile(*path, kMaxBody, &body, &why)) {
    return d.problems.Add(entry.value.at, "'file' cannot be read: " + why);
  }
  if (body.size() > kMaxBody) return d.problems.Add(entry.value.at, "'file' is larger than 256 KiB");
  out.body = std::move(body);
}

std::string CheckContentType(std::string_view text) {
  const bool good = text.find('/') != std::string_view::npos && text.size() <= 256 &&
                    std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7F; });
  return good ? ValueTemplate::Check(text) : "must be a media type such as text/html";
}

const Fields<ReplyRule>& ReplyFields() {
  static const Fields<ReplyRule> fields = {
      IntegerField<ReplyRule>("status", &ReplyRule::status, 200, 599),
      TextField<ReplyRule>("content_type", &ReplyRule::content_type, "media type", CheckContentType),
      CustomField<ReplyRule>("body", "text", "", "", DecodeBody),
      CustomField<ReplyRule>("file", "file", "", "", DecodeBodyFile),
  };
  return fields;
}

void DecodeReply(const Entry& entry, Decoder& d, RouteDraft& out) {
  ReplyRule& reply = out.rules.reply.emplace();
  DecodeSection(entry.value, entry.key.at, "'reply'", ReplyFields(), d, reply);
  if (entry.value.Find("body") && entry.value.Find("file")) {
    d.problems.Add(entry.value.KeyPlace("file"), "a reply has 'body' or 'file', not both");
  }
  if (reply.status == 304) d.problems.Add(entry.key.at, "304 answers a condition, and a reply knows of none");
  const bool bodyless = reply.status == 204 || reply.status == 205;
  if (bodyless && !reply.body.empty()) {
    d.problems.Add(entry.key.at, "a response of status " + std::to_string(reply.status) + " has no body");
  }
}

// --- what they need of the match

void CheckTarget(const Entry& entry, const TargetRule& rule, const RouteDraft& draft, Decoder& d) {
  if (!rule.path.empty() && !rule.prefix.empty()) {
    d.problems.Add(entry.key.at, Quoted(entry.key.text) + " has 'path' or 'prefix', not both");
  }
  if (!rule.prefix.empty() && (draft.model.path.empty() || draft.model.path_pattern)) {
    d.problems.Add(entry.value.ValuePlace("prefix"), "'prefix' needs a 'match.path' that it can stand for");
  }
}

void CheckRedirect(const Entry& entry, const RedirectRule& rule, const RouteDraft& draft, Decoder& d) {
  CheckTarget(entry, rule.target, draft, d);
  if (!rule.target.empty() || rule.port != 0) return;
  if (rule.scheme.empty()) {
    d.problems.Add(entry.key.at, "'redirect' leads nowhere: it needs 'scheme', 'host', 'path', 'prefix' or 'port'");
  } else if (draft.conditions.scheme.empty() || draft.conditions.scheme == rule.scheme) {
    d.problems.Add(entry.key.at, "'redirect' would send clients around in a circle",
                   std::string("match scheme: ") + (rule.scheme == "https" ? "http" : "https"));
  }
}

}  // namespace

Fields<RouteDraft> RuleFields() {
  using R = RouteDraft;
  Field<R> rewrite = SectionField<R>(
      "rewrite", [](R& draft) -> TargetRule& { return draft.rules.rewrite; }, RewriteFields());
  Field<R> redirect = CustomField<R>("redirect", "map", "", "", [](const Entry& entry, Decoder& d, R& out) {
    DecodeSection(entry.value, entry.key.at, "'redirect'", RedirectFields(), d, out.rules.redirect.emplace());
  });
  redirect.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(RedirectFields(), path, out); };
  Field<R> reply = CustomField<R>("reply", "map", "", "", DecodeReply);
  reply.list = [](const std::string& path, std::vector<ConfigKey>& out) { ListKeys(ReplyFields(), path, out); };
  return {
      std::move(rewrite),
      EditsField("request_headers", &RouteRules::request_headers, true),
      EditsField("response_headers", &RouteRules::response_headers, false),
      std::move(redirect),
      std::move(reply),
  };
}

void CheckRules(const YamlNode& route, const RouteDraft& draft, Decoder& d) {
  const auto entry = [&](const char* key) -> std::optional<Entry> {
    const std::optional<size_t> at = route.IndexOf(key);
    if (!at || route.items[*at].kind != YamlNode::Kind::kMap) return std::nullopt;
    return Entry{route.keys[*at], route.items[*at]};
  };
  if (const auto rewrite = entry("rewrite")) CheckTarget(*rewrite, draft.rules.rewrite, draft, d);
  const std::optional<RedirectRule>& rule = draft.rules.redirect;
  if (const auto redirect = entry("redirect"); redirect && rule) CheckRedirect(*redirect, *rule, draft, d);
}

}  // namespace meridian
