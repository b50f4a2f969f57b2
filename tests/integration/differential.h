// One request by HTTP/1.1 and by HTTP/2 through the same edge, and what its origin was told each time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "integration/edge.h"
#include "support/connection.h"
#include "support/h2_origin.h"
#include "support/h2_raw.h"
#include "support/logical_request.h"
#include "support/seen_request.h"

namespace meridian::testing {

struct Verdict {
  bool served = false;  // 200, to its end
  std::string what;     // came instead
};

// A client on one kept connection of HTTP/1.1.
class OverHttp1 {
 public:
  static constexpr Millis kPatience = 5s;

  explicit OverHttp1(uint16_t port) : port_(port) {}

  Verdict Send(const std::string& bytes, const std::string& method, Seeded& chance) {
    const Deadline deadline(kPatience);
    if (!connection_) {
      connection_ = Connection::Open(port_);
      if (!connection_) return {false, "no connection"};
      reader_ = std::make_unique<MessageReader>(connection_.get());
    }
    const size_t cut = chance.OneIn(2) ? chance.Below(bytes.size()) : bytes.size();
    connection_->Send(bytes.substr(0, cut), deadline);
    connection_->Send(bytes.substr(cut), deadline);
    std::string line, body;
    Headers headers, trailers;
    do {
      line.clear();
      headers = {};
      if (!reader_->ReadHead(&line, &headers, deadline)) return Ends({false, "no answer"});
    } while (line.starts_with("HTTP/1.1 1"));
    if (method != "HEAD" && !reader_->ReadBody(headers, true, &body, &trailers, deadline)) return Ends({false, "cut"});
    const Verdict verdict{line.starts_with("HTTP/1.1 200 "), line};
    return EqualsIgnoringCase(headers.Get("connection"), "close") ? Ends(verdict) : verdict;
  }

 private:
  Verdict Ends(Verdict verdict) {
    reader_.reset();
    connection_.reset();
    return verdict;
  }
  const uint16_t port_;
  std::unique_ptr<Connection> connection_;
  std::unique_ptr<MessageReader> reader_;
};

// A client on one connection of HTTP/2, request after request.
class OverHttp2 {
 public:
  explicit OverHttp2(uint16_t port) : port_(port) {}

  // The stream of the next request.
  uint32_t stream() {
    if (next_ > 1000) connection_.reset();
    if (!connection_) next_ = 1;
    return next_;
  }
  Verdict Send(std::string bytes) {
    const Deadline deadline(OverHttp1::kPatience);
    const uint32_t id = stream();
    next_ += 2;
    if (!connection_) {
      connection_ = Connection::Open(port_);
      if (!connection_) return {false, "no connection"};
      input_.clear();
      bytes.insert(0, std::string(h2::kPreface) + h2::Settings());
    }
    connection_->Send(bytes, deadline);
    std::optional<Verdict> verdict;
    bool ok = false;
    while (!verdict) {
      std::string answer;
      size_t used = 0;
      h2::ForEachFrame(input_, [&](uint8_t type, uint8_t flags, uint32_t of, std::string_view payload) {
        used += 9 + payload.size();
        if (type == h2::kSettings && !(flags & h2::kAck)) answer += h2::Settings("", h2::kAck);
        if (type == h2::kGoaway) verdict = {false, "GOAWAY " + h2::CodeName(payload.substr(0, 8))};
        if (of != id || verdict) return;
        // ":status: 200" stands in the static table.
        if (type == h2::kHeaders) ok |= payload.starts_with('\x88');
        if (type == h2::kRst) verdict = {false, "RST_STREAM " + h2::CodeName(payload)};
        if ((type == h2::kHeaders || type == h2::kData) && flags & h2::kEndStream) verdict = {ok, "not 200"};
      });
      input_.erase(0, used);
      connection_->Send(answer, deadline);
      if (!verdict && connection_->Read(&input_, deadline) != ReadEnd::kData) verdict = {false, "no answer"};
    }
    if (!verdict->served) connection_.reset();
    return *verdict;
  }

 private:
  const uint16_t port_;
  std::unique_ptr<Connection> connection_;
  std::string input_;
  uint32_t next_ = 1;
};

// What differs rightly: the request's own number, the version in Via, how cookies are packed, and whether a body of
// nothing is announced (RFC 9110 §8.6).
inline SeenRequest Comparable(SeenRequest seen, const std::string& version) {
  seen.Remove("x-request-id");
  seen.JoinCookies();
  for (auto& [name, value] : seen.fields) {
    const std::string mine = version + " meridian";
    if (name == "via" && value.ends_with(mine)) value.replace(value.size() - mine.size(), mine.size(), "? meridian");
  }
  std::erase_if(seen.fields, [](const auto& field) { return field.first == "content-length" && field.second == "0"; });
  return seen;
}

// What became of one request by one version.
struct Told {
  Verdict verdict;
  std::vector<SeenRequest> seen;  // by the origin
};

class Differential : public ::testing::TestWithParam<const char*> {
 protected:
  Differential() {
    EdgeConfig config = ShopEdge({{kNear, OriginIsHttp2() ? h2_origin_.url() : h1_origin_.url()}});
    config.services[0].health = "";
    edge_.emplace(config);
  }
  static bool OriginIsHttp2() { return std::string_view(GetParam()) == "Http2"; }

  // The requests that reached the origin since the last call. A refused one has no answer of the origin to wait for,
  // but its connection has ended before this is asked.
  std::vector<SeenRequest> Seen() {
    std::vector<SeenRequest> out;
    for (const OriginRequest& request : h1_origin_.Received()) out.push_back(SeenRequest::Of(request));
    h1_origin_.Forget();
    for (const H2Peer::Stream& stream : h2_origin_.Take()) out.push_back(SeenRequest::Of(stream));
    return out;
  }

  // Sends random requests by both versions, as many as the environment asks for, until something failed. `change` may
  // make each another one first; `judge` is told what became of it. The number of requests sent.
  template <typename Change, typename Judge>
  uint64_t SendRandomRequests(Change change, Judge judge) {
    const uint64_t seed = Asked("MERIDIAN_SEED", 1);
    const uint64_t count = Asked("MERIDIAN_DIFFERENTIAL", 800);
    OverHttp1 http1(edge_->port());
    OverHttp2 http2(edge_->port());
    uint64_t number = 0;
    for (; number < count && !HasFailure(); ++number) {
      Seeded chance(seed, number);
      LogicalRequest request = MakeRequest(chance);
      change(request, chance);
      const std::string bytes1 = AsHttp1(request, chance);
      const std::string bytes2 = AsHttp2(request, http2.stream(), chance);
      SCOPED_TRACE("MERIDIAN_SEED=" + std::to_string(seed) + ", request " + std::to_string(number) + "\n" +
                   Printable(bytes1) + "\n" + Printable(bytes2));
      const Told by_http1{.verdict = http1.Send(bytes1, request.method, chance), .seen = Seen()};
      const Told by_http2{.verdict = http2.Send(bytes2), .seen = Seen()};
      judge(request, by_http1, by_http2);
    }
    return number;
  }

  ScriptedOrigin h1_origin_{kNear, ScriptedOrigin::Friendly()};
  H2Origin h2_origin_;
  std::optional<Edge> edge_;
};

}  // namespace meridian::testing
