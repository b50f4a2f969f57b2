// One origin of the fuzzed world: reads strictly what it is sent, and answers well, badly, late or not at all.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "fuzz/exchange_ledger.h"
#include "fuzz/strict_h1.h"
#include "fuzz/strict_h2.h"
#include "support/test_origin.h"

namespace meridian::testing {

// What an answer is like.
struct FuzzAnswer {
  int status = 200;
  enum class Frame { kLength, kUnknown, kClose, kNone } frame = Frame::kLength;
  size_t size = 40;
  enum class Sent { kWhole, kHalf, kHead } sent = Sent::kWhole;
  std::string_view name = {}, value = {};  // one more field
  bool trailers = false, last = false, twice = false, interim = false, representation = false, trailers_only = false;
};

class FuzzOrigin {
 public:
  bool reading = true;
  // `wide`: its HTTP/2 windows hold nobody back, what does is the kernel.
  FuzzOrigin(TestOrigin& origin, int number, bool http2, bool proxy_line, bool repeat_unsafe, bool wide, Ledger& ledger)
      : origin_(origin),
        number_(number),
        http2_(http2),
        proxy_line_(proxy_line),
        repeat_unsafe_(repeat_unsafe),
        wide_(wide),
        ledger_(ledger) {}

  void Pump() {
    for (size_t i = 0; i < origin_.connections(); ++i) {
      if (i == connections_.size()) connections_.push_back(std::make_unique<Connection>());
      Connection& c = *connections_[i];
      if (origin_.hung_up(i)) continue;
      if (reading) Read(i, c);
      Flush(i, c);
    }
  }

  // Answers the newest request that waits for it (`oldest`: HTTP/2, the one that waits longest).
  void Answer(const FuzzAnswer& answer, bool oldest) {
    for (size_t i = connections_.size(); i-- > 0;) {
      Connection& c = *connections_[i];
      if (origin_.hung_up(i)) continue;
      if (http2_) {
        if (c.waiting.empty()) continue;
        const uint32_t stream = oldest ? c.waiting.front() : c.waiting.back();
        if (!answer.interim) oldest ? c.waiting.pop_front() : c.waiting.pop_back();
        return AnswerH2(i, c, stream, answer);
      }
      if (c.answered < c.h1.messages.size()) return AnswerH1(i, c, answer);
    }
  }
  // The rest of the answer that was begun last; `end`: with its end, else a part of it.
  void GoOn(bool end, bool trailers) {
    for (size_t i = connections_.size(); i-- > 0;) {
      Connection& c = *connections_[i];
      if (!c.begun || origin_.hung_up(i)) continue;
      Begun& b = *c.begun;
      const size_t n = end ? b.rest.size() : std::min<size_t>(b.rest.size(), 24);
      SayBody(c, b, b.rest.substr(0, n));
      b.rest.erase(0, n);
      // Its length is its end: over HTTP/2 to a client who counts, although END_STREAM may never come.
      const bool whole = b.frame == FuzzAnswer::Frame::kLength && b.rest.empty();
      if (whole) ledger_.answer(b.answer).sealed = true;
      if (end || (whole && b.stream == 0)) {
        SayEnd(c, b, trailers);
        c.begun.reset();
      }
      return Flush(i, c);
    }
  }
  void Raw(std::string_view bytes) {
    const size_t i = Newest();
    if (i == kNone) return;
    Connection& c = *connections_[i];
    Spoil(i, c);
    c.outbox += Harmless(bytes);
    Flush(i, c);
  }
  // A frame in good form about the newest stream, or the connection.
  // `content`: it is part of an answer.
  template <typename F>
  void Frame(F frame, bool content) {
    const size_t i = Newest();
    if (i == kNone || !http2_) return;
    Connection& c = *connections_[i];
    const uint32_t stream = c.h2.heads.empty() ? 1 : c.h2.heads.back();
    if (content) Spoil(i, c);
    c.outbox += frame(stream);
    Flush(i, c);
  }
  void Reset(uint32_t code) {
    Frame(
        [&](uint32_t stream) {
          const size_t c = Newest();
          std::erase(connections_[c]->waiting, stream);
          if (code == 7) GiveBack(c, [stream](uint32_t s) { return s == stream; });
          return h2::Rst(stream, code);
        },
        false);
  }
  void GoAway(uint32_t back) {
    Frame(
        [&](uint32_t stream) {
          const uint32_t last = stream > 2 * back ? stream - 2 * back : 0;
          GiveBack(Newest(), [last](uint32_t s) { return s > last; });
          return h2::Goaway(last);
        },
        false);
  }
  void HalfClose() {
    if (const size_t i = Newest(); i != kNone) origin_.HalfClose(i);
  }
  void Close() {
    if (const size_t i = Newest(); i != kNone) origin_.CloseConnection(i);
  }
  void ResetConnection() {
    if (const size_t i = Newest(); i != kNone) origin_.ResetConnection(i);
  }
  // By reset, which leaves nothing behind in the kernel.
  void CloseAll() {
    for (size_t i = 0; i < connections_.size(); ++i) {
      if (!origin_.hung_up(i)) origin_.ResetConnection(i);
    }
  }
  void Toggle() { origin_.open() ? origin_.Close() : origin_.Open(); }
  void set_consume(bool consume) { consume_ = consume; }

 private:
  static constexpr size_t kNone = SIZE_MAX;
  struct Begun {
    uint32_t answer = 0;
    std::string rest;
    FuzzAnswer::Frame frame = FuzzAnswer::Frame::kLength;
    uint32_t stream = 0;
  };
  struct Connection {
    StrictH1 h1{StrictH1::Side::kRequests};
    StrictH2 h2{StrictH2::Side::kRequests};
    size_t fed = 0;       // of what was received
    size_t heads = 0;     // entered in the ledger
    size_t answered = 0;  // HTTP/1
    std::deque<uint32_t> waiting;
    std::unique_ptr<Begun> begun;
    std::string outbox;
    std::vector<uint32_t> answers;    // all that were begun on it
    size_t message = 0;               // HTTP/1: the one whose body comes
    std::map<uint32_t, size_t> seen;  // of the bodies, by stream
    bool spoilt = false;
    bool greeted = false;
  };

  void Read(size_t i, Connection& c) {
    const std::string& all = origin_.received(i);
    if (proxy_line_ && c.fed == 0) {
      const size_t end = all.find("\r\n");
      if (end == std::string::npos) return;
      Must(all.starts_with("PROXY TCP4 "), "a connection without its PROXY header");
      c.fed = end + 2;
    }
    const std::string_view fresh = std::string_view(all).substr(c.fed);
    c.fed = all.size();
    c.h2.consume = consume_;
    if (!fresh.empty()) http2_ ? c.h2.Feed(fresh) : c.h1.Feed(fresh);
    if (http2_) {
      if (!std::exchange(c.greeted, true)) Greet(c);
      c.outbox += c.h2.TakeReplies();
      for (; c.heads < c.h2.heads.size(); ++c.heads) {
        const uint32_t stream = c.h2.heads[c.heads];
        c.waiting.push_back(stream);
        Enter(i, stream, c.h2.streams[stream], c.spoilt);
      }
      for (const auto& [stream, m] : c.h2.streams) LookAtBody(c, stream, m);
      return;
    }
    for (; c.heads < c.h1.messages.size(); ++c.heads) Enter(i, 0, c.h1.messages[c.heads], false);
    for (; c.message < c.h1.messages.size(); ++c.message, c.seen.clear()) {
      LookAtBody(c, 0, c.h1.messages[c.message]);
      if (c.message + 1 == c.h1.messages.size()) break;
    }
  }
  void Greet(Connection& c) const {
    static constexpr uint32_t kWide = 1 << 30;
    c.outbox = wide_ ? h2::Settings(h2::Setting(4, kWide)) + h2::Window(0, kWide) : h2::Settings();
  }
  void LookAtBody(Connection& c, uint32_t stream, const StrictMessage& m) {
    size_t& seen = c.seen[stream];
    ledger_.OnUpload(ledger_.RequestOf(m), m.body, seen, m.whole);
    seen = m.body.size();
  }

  void Enter(size_t connection, uint32_t stream, const StrictMessage& m, bool spoilt) {
    const bool idempotent = m.method == "GET" || m.method == "HEAD" || m.method == "PUT" || m.method == "DELETE" ||
                            m.method == "OPTIONS" || m.method == "TRACE" || m.Count("idempotency-key") > 0;
    ledger_.OnDelivered(ledger_.RequestOf(m), {number_, connection, stream, spoilt}, idempotent || repeat_unsafe_);
  }
  template <typename Matches>
  void GiveBack(size_t connection, Matches matches) {
    ledger_.GiveBack([&](const Ledger::Delivery& d) {
      return d.origin == number_ && d.connection == connection && matches(d.stream);
    });
  }

  void AnswerH1(size_t i, Connection& c, const FuzzAnswer& answer) {
    const StrictMessage& m = c.h1.messages.back();  // one at a time; bytes of the fuzzer may have answered those before
    const uint32_t request = ledger_.RequestOf(m);
    if (answer.interim) {
      c.outbox += "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n";
      return Flush(i, c);
    }
    c.answered = c.h1.messages.size();
    c.begun.reset();  // one that was not ended stays so: what follows is read as its body
    const bool upgrade = answer.status == 101 && !m.Field("upgrade").empty();
    const bool to_head = m.method == "HEAD";
    FuzzAnswer a = answer;
    if (a.status == 101 && !upgrade) a.status = 200;
    if (upgrade || a.status == 204 || a.status == 304) a.frame = FuzzAnswer::Frame::kNone;
    std::string text = "HTTP/1.1 " + std::to_string(a.status) + " Good\r\n";
    Begun b = Begin(m, request, &a, &text, [](std::string_view name, std::string_view value) {
      return std::string(name) + ": " + std::string(value) + "\r\n";
    });
    if (upgrade) {
      text += "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Accept: x\r\n";
      c.h1.Tunnel();
    }
    if (a.frame == FuzzAnswer::Frame::kUnknown) text += "Transfer-Encoding: chunked\r\n";
    if (a.frame == FuzzAnswer::Frame::kNone && !upgrade && a.status != 204 && a.status != 304) {
      text += "Content-Length: 0\r\n";
    }
    if (a.last) text += "Connection: close\r\n";
    text += "\r\n";
    c.outbox += text;
    if (to_head) {
      b.rest.clear();
      ledger_.answer(b.answer).body.clear();
      b.frame = FuzzAnswer::Frame::kNone;
    }
    Say(c, std::move(b), a);
    if (a.twice) {
      SpoilAnswers(c);
      c.outbox += text;
    }
    Flush(i, c);
  }

  void AnswerH2(size_t i, Connection& c, uint32_t stream, const FuzzAnswer& answer) {
    const StrictStream& m = c.h2.streams[stream];
    const uint32_t request = ledger_.RequestOf(m);
    if (answer.interim) {
      c.outbox += h2::Headers(stream, {{":status", "103"}, {"link", "</x>"}}, h2::kEndHeaders);
      return Flush(i, c);
    }
    FuzzAnswer a = answer;
    if (a.status == 101) a.status = 200;
    if (a.frame == FuzzAnswer::Frame::kClose) a.frame = FuzzAnswer::Frame::kUnknown;
    const bool none = a.status == 204 || a.status == 304 || m.method == "HEAD" || a.trailers_only;
    if (none) a.frame = FuzzAnswer::Frame::kNone;
    h2::Fields fields = {{":status", std::to_string(a.status)}};
    Begun b = Begin(m, request, &a, &fields, [](std::string_view name, std::string_view value) {
      return h2::Fields{{Lower(name), std::string(value)}};
    });
    if (a.trailers_only) fields.emplace_back("grpc-status", "14");
    b.stream = stream;
    if (none) {
      b.rest.clear();
      ledger_.answer(b.answer).body.clear();
      ledger_.answer(b.answer).sealed = true;
      ledger_.answer(b.answer).open = c.spoilt;
      c.answers.push_back(b.answer);
      c.outbox += h2::Headers(stream, fields);
      return Flush(i, c);
    }
    c.outbox += h2::Headers(stream, fields, h2::kEndHeaders);
    Say(c, std::move(b), a);
    Flush(i, c);
  }

  // What is the same in both versions: whose answer it is, and which body it has.
  template <typename Head, typename Field>
  Begun Begin(const StrictMessage& m, uint32_t request, FuzzAnswer* a, Head* head, Field field) {
    const auto add = [&](std::string_view name, std::string_view value) {
      const Head more = field(name, value);
      head->insert(head->end(), more.begin(), more.end());
    };
    Begun b;
    b.frame = a->frame;
    if (a->representation && a->frame != FuzzAnswer::Frame::kNone) {
      b.rest = Ledger::Representation(request);
      b.frame = a->frame = FuzzAnswer::Frame::kLength;
      add("ETag", "\"v" + std::to_string(request) + "\"");
      add("Accept-Ranges", "bytes");
      const std::string range = m.Field("range");
      const size_t from = range.starts_with("bytes=") ? std::strtoul(range.c_str() + 6, nullptr, 10) : 0;
      if (from > 0 && from < b.rest.size() && a->status == 206) {
        add("Content-Range", "bytes " + std::to_string(from) + "-" + std::to_string(b.rest.size() - 1) + "/" +
                                 std::to_string(b.rest.size()));
        b.rest.erase(0, from);
      }
    } else {
      b.answer = ledger_.NewAnswer(request, a->size);
      if (a->frame == FuzzAnswer::Frame::kNone) ledger_.answer(b.answer).body.clear();
      b.rest = ledger_.answer(b.answer).body;
      ledger_.answer(b.answer).open = a->frame == FuzzAnswer::Frame::kClose;
      add("x-answer", Ledger::Name(b.answer, request));
    }
    if (a->frame == FuzzAnswer::Frame::kLength) add("Content-Length", std::to_string(b.rest.size()));
    if (!a->name.empty()) add(a->name, a->value);
    return b;
  }

  void Say(Connection& c, Begun b, const FuzzAnswer& a) {
    c.answers.push_back(b.answer);
    if (c.spoilt) ledger_.answer(b.answer).open = true;
    if (a.sent != FuzzAnswer::Sent::kHead) {
      const size_t n = a.sent == FuzzAnswer::Sent::kHalf ? b.rest.size() / 2 : b.rest.size();
      SayBody(c, b, b.rest.substr(0, n));
      b.rest.erase(0, n);
    }
    if (a.sent == FuzzAnswer::Sent::kWhole) return SayEnd(c, b, a.trailers);
    c.begun = std::make_unique<Begun>(std::move(b));
  }
  void SayBody(Connection& c, const Begun& b, std::string_view bytes) {
    if (bytes.empty()) return;
    if (b.stream > 0) {
      for (; !bytes.empty(); bytes.remove_prefix(std::min<size_t>(bytes.size(), 16000))) {
        c.outbox += h2::Data(b.stream, bytes.substr(0, 16000), 0);
      }
    } else if (b.frame == FuzzAnswer::Frame::kUnknown) {
      char size[20];
      std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
      c.outbox += size + std::string(bytes) + "\r\n";
    } else {
      c.outbox += bytes;
    }
  }
  void SayEnd(Connection& c, const Begun& b, bool trailers) {
    // From now on it may look whole; that its bytes are still in the outbox does not matter.
    ledger_.answer(b.answer).sealed = true;
    if (b.stream > 0) {
      c.outbox += trailers ? h2::Headers(b.stream, {{"x-sum", "1"}}) : h2::Data(b.stream, "");
    } else if (b.frame == FuzzAnswer::Frame::kUnknown) {
      c.outbox += trailers ? "0\r\nx-sum: 1\r\n\r\n" : "0\r\n\r\n";
    }
  }

  size_t Newest() const {
    for (size_t i = connections_.size(); i-- > 0;) {
      if (!origin_.hung_up(i)) return i;
    }
    return kNone;
  }
  // Bytes of the fuzzer: what the answers on this connection look like is not known any more.
  void Spoil(size_t i, Connection& c) {
    c.spoilt = true;
    if (!http2_ && !c.h1.messages.empty() && !c.h1.messages.back().Field("upgrade").empty()) c.h1.Tunnel();
    SpoilAnswers(c);
    GiveBack(i, [](uint32_t stream) { return stream != 0; });
  }
  void SpoilAnswers(Connection& c) {
    for (const uint32_t a : c.answers) ledger_.answer(a).open = true;
  }
  void Flush(size_t i, Connection& c) {
    if (!c.outbox.empty()) c.outbox.erase(0, origin_.TrySend(i, c.outbox));
  }

  TestOrigin& origin_;
  const int number_;
  const bool http2_, proxy_line_, repeat_unsafe_, wide_;
  Ledger& ledger_;
  bool consume_ = true;
  std::vector<std::unique_ptr<Connection>> connections_;
};

}  // namespace meridian::testing
