// Makes one connection to an origin, at whichever of its addresses works (RFC 8305, happy eyeballs).
//
// The first address by turns (AddressMemory). The next one at once when one fails, after kSilence when one is silent,
// and from then on every kHurry: whoever waits has waited enough to find one dead address. What is connected and only
// shakes hands is given kSilence once more. The first that is ready is the connection; the others end, and the earlier
// ones of them come last for a while. All of it has the connect timeout, and an address at least a quarter of that.
//
// Fails when each address has failed. One thread.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "origin/origin_connection.h"
#include "policy/address_memory.h"

namespace meridian {

class Dial;

class DialSink {
 public:
  // It is the owner's from now on; its owner is still the dial, which is over.
  virtual void OnDialed(Dial& dial, std::unique_ptr<OriginConnection> connection) = 0;
  virtual void OnDialFailed(Dial& dial, const Error& error) = 0;

 protected:
  ~DialSink() = default;
};

class Dial final : public Disposable, private ConnectionOwner {
 public:
  static constexpr Duration kSilence = 250ms;
  static constexpr Duration kHurry = 20ms;

  // `streams` as in OriginConnection.
  Dial(Loop& loop, const OriginOptions& options, const MessageLimits& limits, AddressMemory& memory, size_t streams,
       PoolGroup& group, DialSink& sink);
  ~Dial() override;
  // False when it failed at once; *error says why, and the sink hears nothing.
  bool Start(bool one_request, std::string header, Error* error);
  // The memory has other addresses.
  void OnAddressesChanged();
  // Ends it; the sink hears nothing.
  void Stop();

  PoolGroup& group() const { return group_; }
  bool one_request() const { return one_request_; }
  // The last one that failed; empty: none did.
  std::string_view failed_address() const { return failed_address_; }

 private:
  // ConnectionOwner
  void OnConnectionReady(OriginConnection& connection) override;
  void OnConnectionRoom(OriginConnection&) override {}
  void OnConnectionGone(OriginConnection& connection, const Error& error) override;
  bool TryNext(Error* error);
  bool GrantHandshakes();
  void OnSilence();
  void OnFailed(const Endpoint& address, const Error& error);
  std::unique_ptr<OriginConnection> Take(OriginConnection& connection);

  Loop& loop_;
  const OriginOptions& options_;
  const MessageLimits& limits_;
  AddressMemory& memory_;
  const size_t streams_;
  PoolGroup& group_;
  DialSink& sink_;
  bool one_request_ = false;
  bool over_ = false;
  std::string header_;
  std::string failed_address_;
  TimePoint deadline_{};
  std::vector<Endpoint> tried_;
  std::vector<std::unique_ptr<OriginConnection>> candidates_;  // in the order of their start
  std::vector<Endpoint> granted_;                              // had their second silence
  Timer silence_timer_;
};

}  // namespace meridian
