#include "control/yaml_document.h"

#include <libfyaml.h>

#include <algorithm>
#include <memory>
#include <unordered_map>
#include <utility>

#include "control/config_utf8.h"

namespace meridian {
namespace {

// 4096 routes and 1024 services need about a fifth of it; a text of nothing but "- " would need gigabytes without it.
constexpr size_t kMaxNodes = 400'000;

struct DiagDeleter {
  void operator()(fy_diag* diag) const { fy_diag_destroy(diag); }
};
struct ParserDeleter {
  void operator()(fy_parser* parser) const { fy_parser_destroy(parser); }
};

// Some of libfyaml's errors pass by its collection of errors, straight to the output: they are caught here.
void CatchOutput(fy_diag*, void* user, const char* text, size_t size) {
  static_cast<std::string*>(user)->append(text, size);
}

std::string_view TokenText(fy_token* token) {
  size_t size = 0;
  const char* text = token != nullptr ? fy_token_get_text(token, &size) : nullptr;
  return text != nullptr ? std::string_view(text, size) : std::string_view();
}

// What libfyaml must never see: it hangs on some broken UTF-8 and on long lines that begin with '%', guesses UTF-16
// from NULs, and lets control characters through.
const char* Forbidden(const Utf8Char& c, bool line_begins) {
  if (!c.valid) return "invalid UTF-8";
  const bool allowed = c.code == '\t' || c.code == '\n' || c.code == '\r';
  if (IsControl(c.code) && !allowed) return "control character";
  // Inside a document of maps no line can begin with it.
  return line_begins && c.code == '%' ? "directives (%NAME) are not supported" : nullptr;
}

bool CheckText(std::string_view text, ProblemList& problems) {
  if (text.size() > kMaxYamlBytes) {
    problems.Add({}, "the file is larger than 4 MiB");
    return false;
  }
  bool line_begins = true;
  for (size_t i = 0; i < text.size();) {
    const Utf8Char c = DecodeUtf8(text.substr(i));
    if (const char* why = Forbidden(c, line_begins)) {
      problems.Add(problems.lines().PositionAt(i), why);
      return false;
    }
    line_begins = c.code == '\n' || c.code == '\r';
    i += c.size;
  }
  return true;
}

// The parser's events one by one, and what it complains about.
class EventStream {
 public:
  EventStream(std::string_view text, ProblemList& problems) : text_(text), problems_(problems) {
    fy_diag_cfg diag_config;
    fy_diag_cfg_default(&diag_config);
    diag_config.fp = nullptr;
    diag_config.output_fn = CatchOutput;
    diag_config.user = &output_;
    diag_config.colorize = false;
    diag_.reset(fy_diag_create(&diag_config));
    if (diag_ == nullptr) return;
    fy_diag_set_collect_errors(diag_.get(), true);
    fy_parse_cfg parse_config{};
    parse_config.flags = static_cast<fy_parse_cfg_flags>(int{FYPCF_QUIET} | int{FYPCF_JSON_NONE});
    parse_config.diag = diag_.get();
    parser_.reset(fy_parser_create(&parse_config));
    if (parser_ != nullptr && fy_parser_set_string(parser_.get(), text.data(), text.size()) != 0) parser_.reset();
  }
  ~EventStream() { Release(); }
  EventStream(const EventStream&) = delete;
  EventStream& operator=(const EventStream&) = delete;

  // Valid until the next call; null at the end.
  fy_event* Next() {
    Release();
    event_ = parser_ != nullptr ? fy_parser_parse(parser_.get()) : nullptr;
    return event_;
  }

  // After the end: false, and the problem told, if it was not the end of a sound text.
  bool Finish() {
    if (parser_ == nullptr) {
      problems_.Add({}, "the YAML parser could not be started");
      return false;
    }
    void* iterator = nullptr;
    // The first one is the cause; what follows is its echo.
    if (const fy_diag_error* error = fy_diag_errors_iterate(diag_.get(), &iterator)) {
      problems_.Add(Clamp({error->line, error->column}), std::string("YAML: ") + error->msg);
      return false;
    }
    if (!fy_parser_get_stream_error(parser_.get()) && output_.empty()) return true;
    problems_.Add({}, "YAML: " + (output_.empty() ? "the text cannot be read" : TidyOutput()));
    return false;
  }

 private:
  void Release() {
    if (event_ != nullptr) fy_parser_event_free(parser_.get(), event_);
    event_ = nullptr;
  }
  // An unclosed bracket is found behind the last line: point at the end of the text instead.
  TextPosition Clamp(TextPosition at) const {
    size_t size = text_.size();
    while (size > 0 && (text_[size - 1] == '\n' || text_[size - 1] == '\r')) --size;
    const TextPosition end = problems_.lines().PositionAt(size);
    return at.line > end.line ? end : at;
  }
  // "[ERR]: unsupported …\n" → "unsupported …".
  std::string TidyOutput() const {
    std::string line = output_.substr(0, output_.find('\n'));
    const size_t prefix = line.find("]: ");
    return prefix == std::string::npos ? line : line.substr(prefix + 3);
  }

  std::string_view text_;
  ProblemList& problems_;
  std::string output_;
  std::unique_ptr<fy_diag, DiagDeleter> diag_;
  std::unique_ptr<fy_parser, ParserDeleter> parser_;
  fy_event* event_ = nullptr;
};

// Events → tree, with a stack of the containers still open.
class TreeBuilder {
 public:
  explicit TreeBuilder(ProblemList& problems) : problems_(problems) {}

  // False: give up, the problem is told.
  bool Take(fy_event* event) {
    last_ = PositionOf(event);
    switch (event->type) {
      case FYET_DOCUMENT_START:
        return documents_++ == 0 || Refuse("a second document; a configuration is one");
      case FYET_SCALAR:
        return TakeScalar(event);
      case FYET_MAPPING_START:
        return Open(event, YamlNode::Kind::kMap);
      case FYET_SEQUENCE_START:
        return Open(event, YamlNode::Kind::kList);
      case FYET_MAPPING_END:
      case FYET_SEQUENCE_END:
        return Close();
      case FYET_ALIAS:
        return Refuse("aliases (*name) are not supported: write the value out");
      default:
        return true;
    }
  }

  YamlNode TakeRoot() { return std::move(root_); }

 private:
  struct Frame {
    YamlNode node;
    std::unordered_map<std::string, int> lines;  // of a map's keys
    bool expects_value = false;                  // the last key of a map has none yet
    bool discards_value = false;                 // since its key is a duplicate
  };

  // The scanner's mark is behind the sign of an alias and the quote of a scalar, and absent for an empty scalar.
  TextPosition PositionOf(fy_event* event) const {
    const fy_mark* mark = fy_event_start_mark(event);
    if (mark == nullptr) return last_;
    const bool behind_sign = (event->type == FYET_ALIAS || IsQuoted(event)) && mark->column > 0;
    return {mark->line + 1, mark->column + (behind_sign ? 0 : 1)};
  }

  static bool IsQuoted(fy_event* event) {
    if (event->type != FYET_SCALAR) return false;
    const fy_scalar_style style = fy_token_scalar_style(fy_event_get_token(event));
    return style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
  }

  bool Refuse(std::string message) {
    problems_.Add(last_, std::move(message));
    return false;
  }

  // Refuses a property at its token. `behind`: how far the scanner's mark is behind its sign.
  bool RefuseToken(fy_token* token, int behind, std::string message) {
    const fy_mark* mark = fy_token_start_mark(token);
    if (mark != nullptr) last_ = {mark->line + 1, mark->column + 1 - behind};
    return Refuse(std::move(message));
  }

  bool CheckProperties(fy_event* event) {
    if (fy_token* anchor = fy_event_get_anchor_token(event)) {
      return RefuseToken(anchor, 1, "anchors (&name) are not supported: write the value out where it is used");
    }
    if (fy_token* tag = fy_event_get_tag_token(event)) return RefuseToken(tag, 0, "tags (!name) are not supported");
    return ++nodes_ <= kMaxNodes || Refuse("more than " + std::to_string(kMaxNodes) + " values");
  }

  bool TakeScalar(fy_event* event) {
    if (!CheckProperties(event)) return false;
    fy_token* token = fy_event_get_token(event);
    std::string text(TokenText(token));
    if (ExpectsKey()) return TakeKey(std::move(text));
    YamlNode node;
    node.at = last_;
    node.plain = token == nullptr || fy_token_scalar_style(token) == FYSS_PLAIN;
    node.text = std::move(text);
    Put(std::move(node));
    return true;
  }

  bool ExpectsKey() const {
    return !open_.empty() && open_.back().node.kind == YamlNode::Kind::kMap && !open_.back().expects_value;
  }

  bool TakeKey(std::string text) {
    Frame& frame = open_.back();
    const auto [first, fresh] = frame.lines.emplace(text, last_.line);
    if (!fresh) {
      problems_.Add(last_, "duplicate key " + Quoted(text), "it is already on line " + std::to_string(first->second));
    }
    frame.expects_value = true;
    frame.discards_value = !fresh;
    if (fresh) frame.node.keys.push_back({std::move(text), last_});
    return true;
  }

  bool Open(fy_event* event, YamlNode::Kind kind) {
    if (!CheckProperties(event)) return false;
    if (ExpectsKey()) return Refuse("a key must be text");
    if (open_.size() == kMaxYamlDepth) return Refuse("nested more than " + std::to_string(kMaxYamlDepth) + " deep");
    Frame frame;
    frame.node.kind = kind;
    frame.node.at = last_;
    open_.push_back(std::move(frame));
    return true;
  }

  bool Close() {
    YamlNode node = std::move(open_.back().node);
    open_.pop_back();
    Put(std::move(node));
    return true;
  }

  void Put(YamlNode node) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Frame& frame = open_.back();
    frame.expects_value = false;
    if (!std::exchange(frame.discards_value, false)) frame.node.items.push_back(std::move(node));
  }

  ProblemList& problems_;
  TextPosition last_{1, 1};
  size_t nodes_ = 0;
  int documents_ = 0;
  std::vector<Frame> open_;
  YamlNode root_;
};

}  // namespace

bool YamlNode::IsNull() const {
  return kind == Kind::kScalar && plain && (text.empty() || text == "~" || text == "null");
}

std::optional<size_t> YamlNode::IndexOf(std::string_view key) const {
  const auto found = std::find_if(keys.begin(), keys.end(), [key](const YamlKey& k) { return k.text == key; });
  if (found == keys.end()) return std::nullopt;
  return static_cast<size_t>(found - keys.begin());
}

const YamlNode* YamlNode::Find(std::string_view key) const {
  const std::optional<size_t> i = IndexOf(key);
  return i ? &items[*i] : nullptr;
}

TextPosition YamlNode::KeyPlace(std::string_view key) const {
  const std::optional<size_t> i = IndexOf(key);
  return i ? keys[*i].at : at;
}

TextPosition YamlNode::ValuePlace(std::string_view key) const {
  const YamlNode* value = Find(key);
  return value ? value->at : at;
}

const char* YamlNode::KindName() const {
  if (kind == Kind::kMap) return "a map";
  if (kind == Kind::kList) return "a list";
  return IsNull() ? "nothing" : "a single value";
}

std::optional<YamlNode> ParseYaml(std::string_view text, ProblemList& problems) {
  if (!CheckText(text, problems)) return std::nullopt;
  EventStream events(text, problems);
  TreeBuilder builder(problems);
  while (fy_event* event = events.Next()) {
    if (!builder.Take(event)) return std::nullopt;
  }
  if (!events.Finish()) return std::nullopt;
  YamlNode root = builder.TakeRoot();
  // A text of comments only says nothing, which is a map of nothing.
  if (root.IsNull()) root.kind = YamlNode::Kind::kMap;
  return root;
}

}  // namespace meridian
