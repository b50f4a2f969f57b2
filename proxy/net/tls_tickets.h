// The keys that session tickets are sealed with (RFC 5077 §4, RFC 8446 §4.6.1), so that a client resumes at any worker
// and no session is kept here. In memory only. Immutable: a rotation is a new object.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

namespace meridian {

class TicketKeys {
 public:
  static constexpr size_t kNameSize = 16;
  static constexpr size_t kKept = 3;  // the one that seals, and the two before it, which still open
  struct Key {
    unsigned char name[kNameSize];
    unsigned char cipher[32];  // AES-256-CBC
    unsigned char mac[32];     // HMAC-SHA-256
  };

  // Null: no randomness to be had.
  static std::shared_ptr<const TicketKeys> Make();
  std::shared_ptr<const TicketKeys> Rotated() const;
  ~TicketKeys();

  const Key& current() const { return keys_[0]; }
  // Null for a name that is not ours or no longer accepted.
  const Key* Find(const unsigned char* name) const;

 private:
  TicketKeys() = default;
  std::array<Key, kKept> keys_;
  size_t count_ = 0;
};

}  // namespace meridian
