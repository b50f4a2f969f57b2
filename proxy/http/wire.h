// A transport and a codec tied together: reads feed the codec, the turn's end drains it. Same for both sides.
//
// Reading is bounded per turn (kReadsPerTurn blocks, and what the codec takes of them) and continues in the next one;
// writing happens once per turn, so that many frames leave in one system call and one TLS record. Closing is orderly:
// what the codec produced is sent, then FIN, then the peer's bytes are ignored until its FIN or kLinger, so that an
// answer is not destroyed by a reset.
#pragma once

#include <memory>

#include "event/loop.h"
#include "http/codec.h"
#include "net/transport.h"

namespace meridian {

class WireOwner {
 public:
  virtual void OnWireReady() = 0;                      // connected and handshaken; now SetCodec
  virtual void OnWireConnected() {}                    // to a peer that is asked for TLS now
  virtual void OnWireActivity(size_t bytes_read) = 0;  // bytes were fed to the codec
  virtual void OnWireFlushed() {}                      // output left, which may have ended streams
  // The end; the codec heard OnClosed before. Retire the wire.
  virtual void OnWireClosed(const Error& error) = 0;

 protected:
  ~WireOwner() = default;
};

class Wire final : public TransportSink, public CodecHost {
 public:
  static constexpr int kReadsPerTurn = 4;
  static constexpr Duration kLinger = 1s;

  // `linger`: wait for the peer's FIN after ours. Only clients need it; origins are closed at once.
  Wire(Loop& loop, WireOwner& owner, bool linger);
  ~Wire();
  void SetTransport(std::unique_ptr<Transport> transport) { transport_ = std::move(transport); }
  // From OnWireReady on. The codec outlives the wire.
  void SetCodec(Codec* codec) { codec_ = codec; }
  Transport* transport() { return transport_.get(); }
  // Ends now: streams are told, nothing more is sent. `reset`: by RST. OnWireClosed follows before this returns.
  void Close(const Error& error, bool reset);
  bool closed() const { return closed_; }
  uint64_t bytes_read() const { return bytes_read_; }
  uint64_t bytes_written() const { return bytes_written_; }
  // As if `bytes` of `block` (null: they are copied) had just been read. For a codec that puts another one in its
  // place.
  void FeedCodec(Block* block, std::span<const uint8_t> bytes, bool begins);
  // When output last moved or nothing was waiting; for stall timeouts.
  TimePoint last_progress() const { return last_progress_; }
  bool write_blocked() const { return transport_ && transport_->blocked(); }

  void WantWrite() override;
  void ResumeRead() override;
  TimePoint Now() override { return loop_.Now(); }
  void WakeAfter(Duration delay) override { wake_timer_.Arm(delay); }
  uint64_t handed() const override { return transport_ ? transport_->handed() : 0; }
  bool Unacknowledged(uint64_t mark) const override { return transport_ && transport_->Unacknowledged(mark); }
  Duration RoundTrip() const override { return transport_ ? transport_->RoundTrip() : Duration::zero(); }

 private:
  void OnTransportConnected() override { owner_.OnWireConnected(); }
  void OnTransportReady() override;
  void OnTransportReadable() override;
  void OnTransportWritable() override;
  void OnTransportError(const Error& error) override;
  void ReadSome();
  void Flush();
  void OnWriteFailed();
  void Settle();  // after input or output: is it over?
  void StartLinger();
  void OnLingerEnd();
  void OnWakeTime();

  Loop& loop_;
  WireOwner& owner_;
  const bool linger_;
  std::unique_ptr<Transport> transport_;
  Codec* codec_ = nullptr;
  Hook read_hook_, flush_hook_;
  Timer linger_timer_;
  Timer wake_timer_;
  // Read, but not of this turn.
  BlockRef left_block_;
  std::span<const uint8_t> left_;
  bool ready_ = false;
  bool said_all_ = false;   // our FIN is out, or waits behind what is kept
  bool readable_ = false;   // an edge came and was not read to its end
  bool eof_ = false;        // the peer's FIN was read, the codec does not know yet
  bool peer_gone_ = false;  // it knows
  bool lingering_ = false;
  Error farewell_;  // why it lingers, if for a fault
  bool closed_ = false;
  uint64_t bytes_read_ = 0;
  uint64_t bytes_written_ = 0;
  TimePoint last_progress_{};
};

}  // namespace meridian
