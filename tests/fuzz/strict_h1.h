// A reader of HTTP/1.1 that shares no code with the proxy and forgives nothing: what it cannot read in exactly one way
// ends the run.
#pragma once

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/must.h"

namespace meridian::testing {

struct StrictMessage {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  // All values of a field; names in lower case.
  std::string Field(std::string_view name) const {
    std::string out;
    for (const auto& [n, v] : fields) {
      if (n == name) out += (out.empty() ? "" : ",") + v;
    }
    return out;
  }
  size_t Count(std::string_view name) const {
    return static_cast<size_t>(std::ranges::count_if(fields, [&](const auto& f) { return f.first == name; }));
  }
  std::string method, target;  // of a request
  int status = 0;              // of a response
  Fields fields, trailers;
  std::string body;
  bool whole = false;
  bool until_close = false;
};

inline std::string Lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return out;
}

inline bool StrictToken(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
  });
}

inline bool StrictValue(std::string_view text) {
  if (!text.empty() && (text.front() == ' ' || text.back() == ' ' || text.front() == '\t' || text.back() == '\t')) {
    return false;
  }
  return std::ranges::all_of(text, [](char c) { return c == '\t' || (static_cast<uint8_t>(c) >= 0x20 && c != 0x7f); });
}

class StrictH1 {
 public:
  enum class Side { kRequests, kResponses };
  explicit StrictH1(Side side) : side_(side) {}

  // Of the n-th response: its request was a HEAD.
  std::function<bool(size_t)> answers_head = [](size_t) { return false; };

  void Feed(std::string_view bytes) {
    rest_ += bytes;
    while (Step()) {
    }
  }
  void OnEof() {
    if (state_ == State::kUntilClose) messages.back().whole = true;
  }
  // From here on the bytes have no form.
  void Tunnel() { state_ = State::kTunnel; }
  // Whole heads so far; the last one's body may be on its way.
  std::vector<StrictMessage> messages;
  std::vector<int> interim;

 private:
  enum class State { kHead, kLength, kChunkSize, kChunk, kChunkEnd, kTrailers, kUntilClose, kTunnel };

  bool Step() {
    switch (state_) {
      case State::kHead:
        return ReadHead();
      case State::kLength:
      case State::kChunk: {
        const size_t n = std::min<uint64_t>(left_, rest_.size());
        messages.back().body += rest_.substr(0, n);
        rest_.erase(0, n);
        left_ -= n;
        if (left_ > 0) return false;
        if (state_ == State::kChunk) {
          state_ = State::kChunkEnd;
        } else {
          EndMessage();
        }
        return true;
      }
      case State::kChunkSize:
      case State::kChunkEnd: {
        std::string line;
        if (!TakeLine(&line)) return false;
        if (state_ == State::kChunkEnd) {
          Check(line.empty(), "a chunk has more bytes than it said");
          state_ = State::kChunkSize;
          return true;
        }
        Check(!line.empty() && line.size() <= 15 && line.find_first_not_of("0123456789abcdefABCDEF") == line.npos,
              "no size of a chunk: " + line);
        left_ = std::stoull(line, nullptr, 16);
        state_ = left_ == 0 ? State::kTrailers : State::kChunk;
        return true;
      }
      case State::kTrailers: {
        std::string line;
        if (!TakeLine(&line)) return false;
        if (line.empty()) {
          EndMessage();
        } else {
          AddField(line, &messages.back().trailers);
        }
        return true;
      }
      case State::kUntilClose:
        messages.back().body += rest_;
        rest_.clear();
        return false;
      case State::kTunnel:
        rest_.clear();
        return false;
    }
    return false;
  }

  bool ReadHead() {
    if (rest_.empty()) return false;
    Check(!last_, "bytes after the last message: " + rest_.substr(0, 80));
    const size_t end = rest_.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::string head = rest_.substr(0, end + 2);
    std::string body = rest_.substr(end + 4);
    rest_ = std::move(head);
    StrictMessage m;
    std::string line;
    TakeLine(&line);
    side_ == Side::kRequests ? ReadRequestLine(line, &m) : ReadStatusLine(line, &m);
    while (TakeLine(&line)) AddField(line, &m.fields);
    rest_ = std::move(body);
    if (side_ == Side::kResponses && m.status < 200 && m.status != 101) {
      Check(m.status >= 100 && m.Count("content-length") == 0 && m.Count("transfer-encoding") == 0,
            "a 1xx with a body");
      interim.push_back(m.status);
      return true;
    }
    const bool says_last = m.Field("connection").find("close") != std::string::npos;
    messages.push_back(std::move(m));
    Frame(messages.back());
    last_ = says_last;
    return true;
  }

  void ReadRequestLine(const std::string& line, StrictMessage* m) {
    const size_t first = line.find(' '), second = line.find(' ', first + 1);
    Check(first != line.npos && second != line.npos, "no request line: " + line);
    m->method = line.substr(0, first);
    m->target = line.substr(first + 1, second - first - 1);
    Check(StrictToken(m->method) && line.substr(second + 1) == "HTTP/1.1", "no request line: " + line);
    Check(!m->target.empty() && (m->target[0] == '/' || m->target == "*"), "a target in an odd form: " + line);
    for (const char c : m->target) Check(c > 0x20 && c < 0x7f && c != '#', "a byte in the target: " + line);
  }
  void ReadStatusLine(const std::string& line, StrictMessage* m) {
    Check(line.size() >= 12 && line.starts_with("HTTP/1.1 ") &&
              std::all_of(line.begin() + 9, line.begin() + 12, [](char c) { return c >= '0' && c <= '9'; }) &&
              (line.size() == 12 || line[12] == ' '),
          "no status line: " + line);
    Check(StrictValue(line.substr(std::min<size_t>(13, line.size()))), "a byte in the status line: " + line);
    m->status = std::stoi(line.substr(9, 3));
  }

  void Frame(StrictMessage& m) {
    const size_t lengths = m.Count("content-length"), codings = m.Count("transfer-encoding");
    Check(lengths + codings <= 1, "two words about the length");
    if (side_ == Side::kRequests) Check(m.Count("host") == 1, "a request without one Host");
    if (m.status == 101) {
      state_ = State::kTunnel;
      m.whole = true;
      return;
    }
    const bool none =
        side_ == Side::kResponses && (answers_head(messages.size() - 1) || m.status == 204 || m.status == 304);
    const std::string length = m.Field("content-length");
    if (lengths > 0) {
      Check(!length.empty() && length.size() < 19 && length.find_first_not_of("0123456789") == length.npos,
            "no length: " + length);
    }
    if (codings > 0) Check(m.Field("transfer-encoding") == "chunked", "a coding that was not asked for");
    if (none) return EndMessage();
    if (lengths > 0) {
      left_ = std::stoull(length);
      state_ = State::kLength;
      if (left_ == 0) EndMessage();
    } else if (codings > 0) {
      state_ = State::kChunkSize;
    } else if (side_ == Side::kRequests) {
      EndMessage();
    } else {
      m.until_close = true;
      state_ = State::kUntilClose;
    }
  }

  void EndMessage() {
    messages.back().whole = true;
    state_ = State::kHead;
  }

  void AddField(const std::string& line, StrictMessage::Fields* fields) {
    const size_t colon = line.find(':');
    Check(colon != line.npos && StrictToken(line.substr(0, colon)), "no name of a field: " + line);
    std::string name = Lower(line.substr(0, colon)), value = line.substr(colon + 1);
    if (value.starts_with(' ')) value.erase(0, 1);
    Check(StrictValue(value), "a byte in a field: " + line);
    fields->emplace_back(std::move(name), std::move(value));
  }

  bool TakeLine(std::string* line) {
    const size_t end = rest_.find_first_of("\r\n");
    if (end == std::string::npos) return false;
    if (end + 1 == rest_.size() && rest_[end] == '\r') return false;
    Check(rest_.substr(end, 2) == "\r\n", "a bare CR or LF");
    *line = rest_.substr(0, end);
    rest_.erase(0, end + 2);
    return true;
  }

  void Check(bool held, const std::string& what) {
    if (held) return;
    Must(false, (side_ == Side::kRequests ? "an origin was sent " : "the client was sent ") + what);
  }

  const Side side_;
  State state_ = State::kHead;
  std::string rest_;
  uint64_t left_ = 0;
  bool last_ = false;  // the message before said that nothing comes after it
};

}  // namespace meridian::testing
