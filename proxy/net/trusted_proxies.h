// Who may speak for a client: the peers whose X-Forwarded-For is believed. Pure.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "meridian/message.h"
#include "policy/model.h"

namespace meridian {

// "10.0.0.0/8", "2001:db8::/32", or one address. The complaint, or empty and *out set.
std::string ParseCidr(std::string_view text, Cidr* out);

// An IPv4 address in its IPv6 form (::ffff:192.0.2.1) counts as IPv4.
bool Covers(std::span<const Cidr> ranges, const Endpoint& address);

// The client of a request that a trusted `peer` sent: from the right, the first address in X-Forwarded-For that is not
// trusted itself; if all are, the leftmost. What is no address ends the search, and whoever wrote it is the client.
// Ports are left out. A view of a header or of `peer`.
std::string_view ClientBehind(std::string_view peer, const HeaderBlock& headers, std::span<const Cidr> trusted);

}  // namespace meridian
