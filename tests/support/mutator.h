// Good bytes made bad: by a broken network, a broken peer, or one with ideas.
#pragma once

#include <cctype>
#include <string>
#include <string_view>
#include <vector>

#include "support/h2_raw.h"
#include "support/seeded.h"

namespace meridian::testing {

class Mutator {
 public:
  explicit Mutator(Seeded& chance) : chance_(chance) {}

  // One to four changes; one time in sixteen none.
  std::string Mutate(std::string bytes) {
    if (chance_.OneIn(16)) return bytes;
    for (size_t n = chance_.Between(1, 4); n > 0; --n) Change(bytes);
    return bytes;
  }

 private:
  void Change(std::string& bytes) {
    if (bytes.empty()) return;
    const size_t at = chance_.Below(bytes.size());
    switch (chance_.Below(11)) {
      case 0:
        bytes[at] = static_cast<char>(bytes[at] ^ 1 << chance_.Below(8));
        return;
      case 1:
        bytes[at] = chance_.Of(kNotable);
        return;
      case 2:
        bytes.resize(at);
        return;
      case 3:
        bytes.erase(at, Piece());
        return;
      case 4: {
        const std::string piece = bytes.substr(at, Piece());
        const size_t to = chance_.Below(bytes.size());
        for (size_t n = chance_.OneIn(8) ? chance_.Below(50) : 1; n > 0; --n) bytes.insert(to, piece);
        return;
      }
      case 5:
        return SwapPieces(bytes);
      case 6:
        bytes.insert(at, Chunk());
        return;
      case 7:
        return ChangeDigits(bytes, at);
      case 8:
        // A length of 16 or 24 bits, if one stands there.
        for (size_t i = at; i < std::min(bytes.size(), at + chance_.Between(2, 3)); ++i)
          bytes[i] = chance_.Of(kNotable);
        return;
      default:
        return ChangeFrames(bytes);
    }
  }

  size_t Piece() { return chance_.Between(1, chance_.OneIn(4) ? 500 : 16); }

  void SwapPieces(std::string& bytes) {
    const size_t a = chance_.Below(bytes.size()), b = chance_.Below(bytes.size());
    const size_t first = std::min(a, b), second = std::max(a, b);
    const size_t size = std::min({Piece(), second - first, bytes.size() - second});
    std::swap_ranges(bytes.begin() + static_cast<std::ptrdiff_t>(first),
                     bytes.begin() + static_cast<std::ptrdiff_t>(first + size),
                     bytes.begin() + static_cast<std::ptrdiff_t>(second));
  }

  void ChangeDigits(std::string& bytes, size_t at) {
    while (at < bytes.size() && !std::isdigit(static_cast<unsigned char>(bytes[at]))) ++at;
    size_t end = at;
    while (end < bytes.size() && std::isdigit(static_cast<unsigned char>(bytes[end]))) ++end;
    static const std::vector<std::string> kNumbers = {"",  "0",   "00",  "1",          "-1",
                                                      "7", "100", "999", "4294967296", "18446744073709551616"};
    bytes.replace(at, end - at, chance_.Of(kNumbers));
  }

  // Whole frames of HTTP/2, so that those behind them are still read as frames.
  void ChangeFrames(std::string& bytes) {
    const size_t begin = bytes.starts_with(h2::kPreface) ? h2::kPreface.size() : 0;
    std::vector<std::string> frames;
    size_t used = begin;
    h2::ForEachFrame(std::string_view(bytes).substr(begin), [&](uint8_t, uint8_t, uint32_t, std::string_view payload) {
      frames.push_back(bytes.substr(used, 9 + payload.size()));
      used += frames.back().size();
    });
    if (frames.empty()) return;
    std::string& frame = frames[chance_.Below(frames.size())];
    switch (chance_.Below(6)) {
      case 0:
        frame[3] = static_cast<char>(chance_.Below(12));  // its type
        break;
      case 1:
        frame[4] = static_cast<char>(frame[4] ^ 1 << chance_.Below(6));  // its flags
        break;
      case 2:
        frame[8] = static_cast<char>(chance_.Below(12));  // its stream
        break;
      case 3:
        frame += frame;
        break;
      case 4:
        frame.clear();
        break;
      default:
        frame.swap(frames[chance_.Below(frames.size())]);
    }
    std::string all = bytes.substr(0, begin);
    for (const std::string& f : frames) all += f;
    bytes = all + bytes.substr(used);
  }

  std::string Chunk() {
    using namespace std::string_literals;
    static const std::vector<std::string> kChunks = {
        "\r\n",
        "\r\n\r\n",
        "\n",
        "\0"s,
        " ",
        "\t",
        ":",
        "%00",
        "/../",
        "0\r\n\r\n",
        "ffffffffffffffff\r\n",
        "Transfer-Encoding: chunked\r\n",
        "Content-Length: 1\r\n",
        "Content-Length: 99999999999\r\n",
        "Connection: close, te, upgrade\r\n",
        "Upgrade: websocket\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        std::string(h2::kPreface),
        h2::Settings(),
        h2::Settings("", h2::kAck),
        h2::Settings(h2::Setting(4, 0)),
        h2::Settings(h2::Setting(4, 0x7fffffff)),
        h2::Settings(h2::Setting(1, 0) + h2::Setting(3, 0) + h2::Setting(5, 16384)),
        h2::Window(0, 0),
        h2::Window(0, 0x7fffffff),
        h2::Window(1, 0x7fffffff),
        h2::Rst(1),
        h2::Rst(3, 7),
        h2::Goaway(0, 0),
        h2::Goaway(0x7fffffff, 11),
        h2::Frame(h2::kPing, 0, 0, "12345678"),
        h2::Frame(h2::kPriority, 0, 1, "\0\0\0\1\x10"s),
        h2::Frame(h2::kContinuation, h2::kEndHeaders, 1),
        h2::Frame(h2::kPush, h2::kEndHeaders, 1, "\0\0\0\2\x82\x84\x86"s),
        h2::Frame(h2::kHeaders, h2::kEndHeaders | h2::kEndStream, 1, "\x88"),
        h2::Data(1, "data", 0),
        h2::Data(1, "", h2::kEndStream),
        "\x15\x03\x03\0\x02\x01\0"s,  // a TLS alert: close_notify
        "PROXY TCP4 203.0.113.9 127.0.0.1 4711 80\r\n",
    };
    if (!chance_.OneIn(4)) return chance_.Of(kChunks);
    std::string out;
    for (size_t n = chance_.Between(1, 64); n > 0; --n) out += static_cast<char>(chance_.Below(256));
    return out;
  }

  static constexpr char kNotable[] = {'\0', '\1', '\t', '\n',   '\r',   ' ',    '%',    ':',
                                      ';',  '0',  'A',  '\x3f', '\x40', '\x7f', '\x80', '\xff'};
  Seeded& chance_;
};

}  // namespace meridian::testing
