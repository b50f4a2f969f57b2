#include "net/tls_tickets.h"

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstring>

namespace meridian {

std::shared_ptr<const TicketKeys> TicketKeys::Make() {
  std::shared_ptr<TicketKeys> made(new TicketKeys);
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(&made->keys_[0]), sizeof(Key)) != 1) return nullptr;
  made->count_ = 1;
  return made;
}

std::shared_ptr<const TicketKeys> TicketKeys::Rotated() const {
  std::shared_ptr<TicketKeys> next(new TicketKeys);
  if (RAND_priv_bytes(reinterpret_cast<unsigned char*>(&next->keys_[0]), sizeof(Key)) != 1) return nullptr;
  next->count_ = std::min(count_ + 1, kKept);
  std::copy_n(keys_.begin(), next->count_ - 1, next->keys_.begin() + 1);
  return next;
}

TicketKeys::~TicketKeys() { OPENSSL_cleanse(keys_.data(), sizeof keys_); }

const TicketKeys::Key* TicketKeys::Find(const unsigned char* name) const {
  for (size_t i = 0; i < count_; ++i) {
    if (std::memcmp(keys_[i].name, name, kNameSize) == 0) return &keys_[i];
  }
  return nullptr;
}

}  // namespace meridian
