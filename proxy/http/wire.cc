#include "http/wire.h"

namespace meridian {
namespace {

constexpr Error kPeerClosed{ErrorCode::kClosedEarly, Fault::kOrigin, Retry::kIfIdempotent, "connection closed"};
constexpr Error kReadFailed{ErrorCode::kReset, Fault::kOrigin, Retry::kIfIdempotent, "connection reset"};
constexpr Error kDone{};

// A read wants at least this much room, so that bodies come in few calls.
constexpr uint32_t kReadRoom = 16 * 1024;
// At most this much while memory is tight: what one read brings is what a stream that takes nothing holds.
constexpr uint32_t kTightRead = 8 * 1024;

OutBuffer& LocalOut() {
  static thread_local OutBuffer out;
  return out;
}

}  // namespace

Wire::Wire(Loop& loop, WireOwner& owner, bool linger)
    : loop_(loop),
      owner_(owner),
      linger_(linger),
      read_hook_(loop, Bind<&Wire::ReadSome>(this)),
      flush_hook_(loop, Bind<&Wire::Flush>(this)),
      linger_timer_(loop, Bind<&Wire::OnLingerEnd>(this)),
      wake_timer_(loop, Bind<&Wire::OnWakeTime>(this)),
      last_progress_(loop.Now()) {}

Wire::~Wire() = default;

// A transport that was closed lives to the end of the turn, and its descriptor may have been in the same batch of events:
// of two addresses that were tried both may be ready at once. It is not heard any more.
void Wire::OnTransportReady() {
  if (closed_) return;
  ready_ = true;
  last_progress_ = loop_.Now();
  owner_.OnWireReady();
}

void Wire::OnTransportError(const Error& error) { Close(error, false); }  // nothing if closed

void Wire::WantWrite() {
  if (!closed_) flush_hook_.AtTurnEnd();
}

void Wire::ResumeRead() {
  if (!closed_ && (readable_ || eof_ || !left_.empty())) read_hook_.NextTurn();
}

void Wire::OnTransportReadable() {
  if (closed_) return;
  readable_ = true;
  // Nobody reads while the codec is paused, but a client that is gone must not be waited on. (Its FIN alone may be a
  // half-close.)
  if (codec_ && codec_->paused() && transport_->Broken()) return Close(kReadFailed, false);
  if (!read_hook_.queued()) ReadSome();
}

void Wire::OnTransportWritable() {
  if (closed_) return;
  last_progress_ = loop_.Now();
  Flush();
}

void Wire::ReadSome() {
  if (closed_ || !codec_) return;
  size_t fed = left_.size();
  bool begins = true;
  if (!left_.empty() && !lingering_ && !codec_->paused()) {
    const BlockRef hold = std::move(left_block_);
    FeedCodec(hold.get(), std::exchange(left_, {}), std::exchange(begins, false));
  }
  for (int i = 0; readable_ && !closed_ && !codec_->error() && (left_.empty() || lingering_); ++i) {
    if (!lingering_ && codec_->paused()) break;
    if (i == kReadsPerTurn) {
      read_hook_.NextTurn();
      break;
    }
    const bool tight = BlockPool::Local().tight();
    Block* block = BlockPool::Local().ReadBlock(tight ? kTightRead : kReadRoom);
    const BlockRef hold(block);
    uint8_t* into = block->data() + block->used;
    const ReadResult result = transport_->Read(into, tight ? kTightRead : block->room());
    if (result.state != ReadState::kMore) readable_ = false;
    bool look_again = false;
    if (result.bytes > 0) {
      bytes_read_ += result.bytes;
      fed += result.bytes;
      block->used += static_cast<uint32_t>(result.bytes);
      if (!lingering_) FeedCodec(block, {into, result.bytes}, std::exchange(begins, false));
      look_again = result.state == ReadState::kDrained && !closed_ && left_.empty() && codec_->expects_more();
    }
    if (closed_) return;
    if (look_again) {
      transport_->LookAgain();
      readable_ = true;
    }
    if (result.state == ReadState::kFailed) {
      const Error* const told = transport_->failure();
      return Close(told ? *told : kReadFailed, false);
    }
    if (result.state == ReadState::kEof) eof_ = true;
    if (codec_->error()) break;
  }
  if (fed > 0 && !lingering_) owner_.OnWireActivity(fed);
  if (closed_) return;
  if (lingering_) {
    if (eof_) Close(kDone, false);
    return;
  }
  if (eof_ && left_.empty() && !codec_->paused()) {
    eof_ = false;
    peer_gone_ = true;
    codec_->OnEof();
    // Anything still to be said is said; a peer that half-closed may still listen.
    flush_hook_.AtTurnEnd();
  }
  Settle();
}

// What is not of this turn waits in its block.
void Wire::FeedCodec(Block* block, std::span<const uint8_t> bytes, bool begins) {
  const size_t share = codec_->ShareOfTurn(bytes, begins);
  if (share < bytes.size()) {
    left_block_ = BlockRef(block);
    left_ = bytes.subspan(share);
    read_hook_.NextTurn();
  }
  if (share > 0) codec_->OnBytes(block, bytes.first(share));
}

void Wire::Flush() {
  if (closed_ || !ready_ || !codec_ || lingering_) return;
  OutBuffer& out = LocalOut();
  while (!transport_->blocked()) {
    out.Clear();
    codec_->Produce(out);
    if (closed_) return;
    if (out.size() == 0) break;
    bytes_written_ += out.size();
    last_progress_ = loop_.Now();
    if (!transport_->Write(out.bytes())) return OnWriteFailed();
    if (out.room() > OutBuffer::kSize / 2) break;  // it had no more to say
  }
  if (codec_->half_closed() && !std::exchange(said_all_, true)) transport_->ShutdownWrite();
  owner_.OnWireFlushed();
  Settle();
}

// The peer takes nothing more; what it said before that (an early answer, its FIN) still counts.
void Wire::OnWriteFailed() {
  readable_ = true;
  transport_->LookAgain();
  ReadSome();
  if (!closed_) Close(kReadFailed, false);
}

void Wire::Settle() {
  if (closed_ || lingering_) return;
  if (codec_->error()) {
    if (codec_->cut()) return Close(codec_->error(), true);
    if (flush_hook_.queued() || transport_->blocked()) return;  // the farewell first
    StartLinger();
    return;
  }
  if (codec_->finished() && !transport_->blocked()) StartLinger();
}

void Wire::StartLinger() {
  const Error error = codec_->error();
  if (!linger_) return Close(error ? error : kPeerClosed, false);
  lingering_ = true;
  farewell_ = error;
  transport_->ShutdownWrite();
  linger_timer_.Arm(kLinger);
  wake_timer_.Cancel();
  codec_->OnClosed(error ? error : kPeerClosed);
  if (peer_gone_) return Close(kDone, false);
  if (readable_) read_hook_.NextTurn();
}

void Wire::OnLingerEnd() { Close(kDone, false); }

void Wire::OnWakeTime() {
  if (!closed_ && !lingering_) codec_->OnWake();
}

void Wire::Close(const Error& error, bool reset) {
  if (closed_) return;
  closed_ = true;
  read_hook_.Cancel();
  flush_hook_.Cancel();
  linger_timer_.Cancel();
  wake_timer_.Cancel();
  if (transport_) {
    if (reset) transport_->Abort();
    loop_.Retire(std::move(transport_));
  }
  if (codec_ && !lingering_) codec_->OnClosed(error);
  owner_.OnWireClosed(error ? error : farewell_);
}

}  // namespace meridian
