// One connection of the fault origin, and the two protocols over it.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "event/loop.h"
#include "fault.h"
#include "net/transport.h"
#include "pattern.h"
#include "record.h"

namespace meridian::bench {

// A request as both protocols see it.
struct Request {
  std::string method, path, range, if_range;
  uint32_t id = 0;  // x-test-id; 0: none
  uint64_t length = 0;
  uint64_t received = 0;
  bool intact = true;

  void Header(std::string_view name, std::string_view value);
  void Body(const Pattern& pattern, std::span<const uint8_t> bytes) {
    intact = intact && pattern.Matches(received, bytes);
    received += bytes.size();
  }
};

// What comes back, before its shape is applied.
struct Answer {
  Shape shape;
  int status = 200;
  uint64_t offset = 0;  // first byte of the body in the file
  uint64_t length = 0;  // as announced
  uint64_t file = 0;    // size of the whole
  bool has_body = true;
  // How many bytes are sent.
  uint64_t sent() const {
    if (!has_body || shape.body == Part::kNone) return 0;
    return shape.body == Part::kHalf ? length / 2 : length;
  }
};

// One region: its present fault, its memory.
struct Region {
  std::string name;
  std::string etag;  // with the quotes; empty: none
  Shape pages, probes;
  Pattern plain, version;
  uint64_t die_at = 0;  // the process ends after this many bytes of bodies; 0: never
  Record record;

  // The request is complete: counts it and decides.
  Answer Decide(const Request& request);
  // Body bytes of an answer; counts them, and dies of them.
  std::string_view Piece(uint64_t offset, size_t size);
};

class OriginConnection;

class Protocol {
 public:
  virtual ~Protocol() = default;
  virtual void OnBytes(std::span<const uint8_t> bytes) = 0;
  // There is room: sends more, if there is any.
  virtual void Pull() = 0;
  // The timer that Later() armed.
  virtual void OnLater() = 0;
};

class OriginConnection final : public Disposable, private TransportSink {
 public:
  // Long enough for what was sent before a reset to be read by the peer; a reset throws away what is not.
  static constexpr Duration kBeforeReset = 20ms;

  OriginConnection(Loop& loop, Region& region, int fd, std::shared_ptr<const TlsServerContext> tls, bool h2);
  ~OriginConnection() override = default;

  bool over() const { return over_; }
  Region& region() { return region_; }
  Loop& loop() { return loop_; }
  bool full() const { return over_ || transport_->blocked() || !pending_.empty(); }
  void Send(std::string_view bytes);
  void Later(Duration delay) { later_.Arm(delay); }
  void Mute() { mute_ = true; }  // nothing is sent or looked at any more
  void Close();                  // FIN
  void Reset();                  // RST
  void CloseSoon();              // without a word; what arrives meanwhile is not read
  void ResetSoon();

 private:
  void OnTransportReady() override;
  void OnTransportReadable() override;
  void OnTransportWritable() override;
  void OnTransportError(const Error&) override { End(); }
  void OnLater() { protocol_->OnLater(); }
  void OnFate();
  void End();

  Loop& loop_;
  Region& region_;
  std::unique_ptr<Protocol> protocol_;
  std::unique_ptr<Transport> transport_;
  std::string pending_;
  bool over_ = false;
  bool mute_ = false;
  bool reset_ = false;
  Timer later_, fate_;
};

std::unique_ptr<Protocol> MakeH1(OriginConnection& connection);
std::unique_ptr<Protocol> MakeH2(OriginConnection& connection);

}  // namespace meridian::bench
