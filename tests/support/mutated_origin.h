// An origin whose answers are good bytes made bad. A request for /case/N gets the answer that N makes, whatever else
// happens meanwhile.
#pragma once

#include <atomic>
#include <string>
#include <vector>

#include "support/h2_peer.h"
#include "support/mutator.h"
#include "support/session_server.h"

namespace meridian::testing {

class MutatedOrigin {
 public:
  MutatedOrigin(bool http2, uint64_t seed) : http2_(http2), seed_(seed) {}

  std::string url() const { return (http2_ ? "h2c" : "http") + ("://127.0.0.1:" + std::to_string(server_.port())); }
  uint64_t answers() const { return answers_; }

 private:
  static uint64_t Number(std::string_view text) {
    const size_t at = text.find("/case/");
    return at == std::string_view::npos ? 0 : std::strtoull(std::string(text.substr(at + 6, 20)).c_str(), nullptr, 10);
  }

  // False: the connection is over.
  bool Send(Connection* connection, const std::string& bytes, Seeded& chance) {
    ++answers_;
    if (!connection->Send(Mutator(chance).Mutate(bytes), Deadline(5s))) return false;
    if (chance.OneIn(8)) {
      connection->CloseWithReset();
      return false;
    }
    return !chance.OneIn(4);
  }

  void ServeHttp1(Connection* connection) {
    std::string input;
    while (!server_.stopping()) {
      const size_t end = input.find("\r\n\r\n");
      if (end == std::string::npos) {
        if (connection->Read(&input, Deadline(120s)) != ReadEnd::kData) return;
        continue;
      }
      Seeded chance(seed_, Number(input));
      input.erase(0, end + 4);
      if (!Send(connection, Answer1(chance), chance)) return;
    }
  }
  void ServeHttp2(Connection* connection) {
    H2Peer peer(true);
    size_t looked = 0;
    for (std::string bytes; !server_.stopping(); bytes.clear()) {
      if (connection->Read(&bytes, Deadline(120s)) != ReadEnd::kData) return;
      peer.Input(bytes);
      if (!connection->Send(peer.Output(), Deadline(5s))) return;
      for (; looked < peer.heads().size(); ++looked) {
        const int32_t id = peer.heads()[looked];
        Seeded chance(seed_, Number(peer.stream(id).Field(":path")));
        if (!Send(connection, Answer2(static_cast<uint32_t>(id), chance), chance)) return;
      }
    }
  }

  static std::string Answer1(Seeded& chance) {
    static const std::vector<std::string> kAnswers = {
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nx-sum: 1\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\netag: \"a\"\r\ncontent-length: 9\r\n\r\n",
        "HTTP/1.1 503 Busy\r\nretry-after: 1\r\ncontent-length: 4\r\n\r\nbusy",
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nhello",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nuntil the end",
    };
    return chance.Of(kAnswers);
  }
  static std::string Answer2(uint32_t id, Seeded& chance) {
    const auto head = [&](const h2::Fields& fields, bool ends) {
      return h2::Headers(id, fields, ends ? h2::kEndHeaders | h2::kEndStream : h2::kEndHeaders);
    };
    switch (chance.Below(6)) {
      case 0:
        return head({{":status", "200"}, {"content-length", "5"}}, false) + h2::Data(id, "hello");
      case 1:
        return head({{":status", "103"}, {"link", "</a>"}}, false) + head({{":status", "200"}}, false) +
               h2::Data(id, "hello", 0) + head({{"x-sum", "1"}}, true);
      case 2:
        return head({{":status", "204"}}, true) + h2::Frame(h2::kPing, 0, 0, "12345678");
      case 3:
        return head({{":status", "200"}}, false) + h2::Frame(h2::kData, h2::kPadded, id, std::string("\2ok\0\0", 5)) +
               h2::Window(id, 10) + h2::Data(id, "");
      case 4:
        return head({{":status", "500"}}, false) + h2::Rst(id, 2);
      default:
        return head({{":status", "200"}}, true) + h2::Goaway(id);
    }
  }

  const bool http2_;
  const uint64_t seed_;
  std::atomic<uint64_t> answers_ = 0;
  SessionServer server_{
      [this](Connection* connection, uint64_t) { http2_ ? ServeHttp2(connection) : ServeHttp1(connection); }};
};

}  // namespace meridian::testing
