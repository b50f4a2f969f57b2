#include "support/chaos_gate.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <deque>
#include <list>
#include <utility>
#include <vector>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

constexpr size_t kMostRelays = 1024;
constexpr size_t kMostQueued = 256 * 1024;  // per direction; above it the sender waits
constexpr size_t kMostSwallowed = 4 << 20;
constexpr size_t kPiece = 64 * 1024;

using Kind = GateMode::Kind;

// One direction of a relayed connection: what was read and may be written when its time has come.
struct Flow {
  struct Piece {
    Clock::time_point due;
    std::string bytes;
  };
  std::deque<Piece> pieces;
  size_t queued = 0;
  bool source_ended = false;
  bool end_passed_on = false;

  bool WantsToRead() const { return !source_ended && queued < kMostQueued; }
  bool HasDue(Clock::time_point now) const { return !pieces.empty() && pieces.front().due <= now; }
};

}  // namespace

// A client connection (of the proxy under test) and the connection to the origin behind it.
class ChaosGate::Relay {
 public:
  Relay(UniqueFd client, UniqueFd origin) : client_(std::move(client)), origin_(std::move(origin)) {}

  int client_fd() const { return client_.get(); }
  int origin_fd() const { return origin_.get(); }
  bool ended() const { return !client_; }
  bool tainted() const { return tainted_; }
  void Reset() {
    client_.CloseWithReset();
    origin_.CloseWithReset();
  }
  void BeginCut(uint64_t bytes) { cut_left_ = bytes; }

  short ClientEvents(const GateMode& mode, Clock::time_point now) const {
    const bool swallow = Swallows(mode);
    return static_cast<short>((swallow || requests_.WantsToRead() ? POLLIN : 0) |
                              (!swallow && responses_.HasDue(now) ? POLLOUT : 0));
  }
  short OriginEvents(const GateMode& mode, Clock::time_point now) const {
    if (Swallows(mode)) return 0;
    return static_cast<short>((responses_.WantsToRead() ? POLLIN : 0) | (requests_.HasDue(now) ? POLLOUT : 0));
  }
  // When the next held-back piece is due; the far future if none waits.
  Clock::time_point NextDue() const {
    return responses_.pieces.empty() ? Clock::time_point::max() : responses_.pieces.front().due;
  }

  // What the client sent goes nowhere. Returns it; `over`: the connection must now be reset.
  std::string Swallow(const GateMode& mode, bool* over) {
    char buffer[kPiece];
    const ssize_t count = recv(client_.get(), buffer, sizeof(buffer), MSG_DONTWAIT);
    *over = false;
    if (count < 0 && errno == EAGAIN) return "";
    tainted_ = true;
    *over = count <= 0 || mode.kind != Kind::kHang;
    return count > 0 ? std::string(buffer, static_cast<size_t>(count)) : "";
  }

  void Move(const GateMode& mode, Clock::time_point now) {
    const Millis hold = mode.kind == Kind::kDelay ? mode.time : Millis(0);
    if (!Fill(client_.get(), &requests_, now) || !Fill(origin_.get(), &responses_, now + hold) ||
        !Drain(&requests_, origin_.get(), now, nullptr)) {
      return Reset();
    }
    uint64_t* cut = mode.kind == Kind::kCut ? &cut_left_ : nullptr;
    if (!Drain(&responses_, client_.get(), now, cut)) return Reset();
    if (cut && *cut == 0) return mode.cut_with_reset ? Reset() : Finish();
    if (requests_.end_passed_on && responses_.end_passed_on) Finish();
  }

  static bool Swallows(const GateMode& mode) {
    return mode.kind == Kind::kHang || mode.kind == Kind::kResetOnBytes || mode.kind == Kind::kResetOnAccept;
  }

 private:
  // False: the connection broke.
  static bool Fill(int from, Flow* flow, Clock::time_point due) {
    if (!flow->WantsToRead()) return true;
    char buffer[kPiece];
    const ssize_t count = recv(from, buffer, sizeof(buffer), MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN;
    flow->source_ended = count == 0;
    if (count == 0) return true;
    flow->pieces.push_back({due, std::string(buffer, static_cast<size_t>(count))});
    flow->queued += static_cast<size_t>(count);
    return true;
  }

  static bool Drain(Flow* flow, int to, Clock::time_point now, uint64_t* budget) {
    while (flow->HasDue(now) && (!budget || *budget > 0)) {
      std::string& bytes = flow->pieces.front().bytes;
      const size_t most = budget ? std::min<uint64_t>(*budget, bytes.size()) : bytes.size();
      const ssize_t sent = send(to, bytes.data(), most, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      if (budget) *budget -= static_cast<uint64_t>(sent);
      flow->queued -= static_cast<size_t>(sent);
      bytes.erase(0, static_cast<size_t>(sent));
      if (!bytes.empty()) return true;
      flow->pieces.pop_front();
    }
    if (flow->source_ended && flow->pieces.empty() && !std::exchange(flow->end_passed_on, true)) shutdown(to, SHUT_WR);
    return true;
  }

  void Finish() {
    client_.Close();
    origin_.Close();
  }

  UniqueFd client_, origin_;
  Flow requests_, responses_;
  uint64_t cut_left_ = 0;
  bool tainted_ = false;  // bytes were swallowed: the conversation cannot go on
};

// The relay thread's own state; reads the wanted mode from the gate.
struct ChaosGate::Thread {
  ChaosGate& gate;
  GateMode mode;
  UniqueFd listener = ListenOn(gate.port());
  std::list<Relay> relays;

  explicit Thread(ChaosGate& g) : gate(g) {}

  void Run() {
    std::vector<pollfd> fds;
    while (ApplyWanted()) {
      const Clock::time_point now = Clock::now();
      BuildPollSet(&fds, now);
      poll(fds.data(), fds.size(), Timeout(now));
      Accept();
      for (Relay& relay : relays) Step(&relay);
      relays.remove_if([](const Relay& relay) { return relay.ended(); });
    }
  }

  // False: the gate is being destroyed.
  bool ApplyWanted() {
    uint64_t ignored;
    [[maybe_unused]] const ssize_t count = read(gate.wake_.get(), &ignored, sizeof(ignored));
    const std::lock_guard lock(gate.mutex_);
    if (gate.stopping_) return false;
    if (gate.applied_number_ == gate.wanted_number_) return true;
    Enter(gate.wanted_);
    gate.swallowed_.clear();
    gate.applied_number_ = gate.wanted_number_;
    gate.applied_.notify_all();
    return true;
  }

  void Enter(const GateMode& next) {
    mode = next;
    const bool closes_all = mode.kind == Kind::kRefuse || mode.kind == Kind::kResetOnAccept;
    for (Relay& relay : relays) {
      if (closes_all || relay.tainted()) relay.Reset();
      relay.BeginCut(mode.bytes);
    }
    relays.remove_if([](const Relay& relay) { return relay.ended(); });
    if (mode.kind == Kind::kRefuse) {
      listener.Close();
    } else if (!listener) {
      listener = ListenOn(gate.port());
    }
  }

  void BuildPollSet(std::vector<pollfd>* fds, Clock::time_point now) const {
    fds->clear();
    fds->push_back({gate.wake_.get(), POLLIN, 0});
    if (listener) fds->push_back({listener.get(), POLLIN, 0});
    for (const Relay& relay : relays) {
      // A side of which nothing is wanted is left out: poll would report its hang-up again and again.
      if (const short events = relay.ClientEvents(mode, now)) fds->push_back({relay.client_fd(), events, 0});
      if (const short events = relay.OriginEvents(mode, now)) fds->push_back({relay.origin_fd(), events, 0});
    }
  }

  int Timeout(Clock::time_point now) const {
    Clock::time_point next = now + 100ms;
    for (const Relay& relay : relays) next = std::min(next, std::max(relay.NextDue(), now));
    return static_cast<int>(std::chrono::ceil<Millis>(next - now).count());
  }

  void Accept() {
    while (listener) {
      UniqueFd client(accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
      if (!client) return;
      ++gate.accepted_;
      if (mode.kind == Kind::kResetOnAccept || relays.size() >= kMostRelays) {
        client.CloseWithReset();
        continue;
      }
      SetNoDelay(client.get());
      UniqueFd origin = ConnectTo(gate.origin_port_);
      if (!origin) {
        client.CloseWithReset();
        continue;
      }
      SetNonBlocking(origin.get());
      relays.emplace_back(std::move(client), std::move(origin)).BeginCut(mode.bytes);
    }
  }

  void Step(Relay* relay) {
    if (!Relay::Swallows(mode)) return relay->Move(mode, Clock::now());
    bool over = false;
    const std::string bytes = relay->Swallow(mode, &over);
    {
      const std::lock_guard lock(gate.mutex_);
      if (gate.swallowed_.size() < kMostSwallowed) gate.swallowed_ += bytes;
    }
    // Only now, so that whoever sees the reset also finds its bytes in Swallowed().
    if (over) relay->Reset();
  }
};

ChaosGate::ChaosGate(uint16_t origin_port) : origin_port_(origin_port), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (!wake_) ThrowErrno("eventfd");
  auto state = std::make_shared<Thread>(*this);  // here, so that the port listens when the constructor returns
  thread_ = std::thread([state] { state->Run(); });
}

ChaosGate::~ChaosGate() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t count = write(wake_.get(), &one, sizeof(one));
  thread_.join();
}

void ChaosGate::Set(const GateMode& mode) {
  std::unique_lock lock(mutex_);
  wanted_ = mode;
  const uint64_t number = ++wanted_number_;
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t count = write(wake_.get(), &one, sizeof(one));
  applied_.wait(lock, [&] { return applied_number_ >= number; });
}

std::string ChaosGate::Swallowed() const {
  const std::lock_guard lock(mutex_);
  return swallowed_;
}

size_t ChaosGate::SwallowedCount(const std::string& text) const {
  const std::string bytes = Swallowed();
  size_t count = 0;
  for (size_t at = bytes.find(text); at != std::string::npos; at = bytes.find(text, at + text.size())) ++count;
  return count;
}

}  // namespace meridian::testing
