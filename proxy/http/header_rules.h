// Rules for header fields that both directions and both versions share. Pure.
#pragma once

#include <string_view>

#include "meridian/message.h"

namespace meridian {

// Names in Connection that RemoveHopByHop has room for.
inline constexpr size_t kMaxConnectionNames = 32;
// 0, or the status to refuse a request with: 400 if Connection names what delimits or addresses the message, which a
// hop that obeyed would take away; 431 if it names more fields than can be removed.
int CheckConnection(const HeaderBlock& headers);

// REQUIRES: CheckConnection did not say 431. Removes what belongs to one connection only: Connection and every field it
// names (RFC 9110 §7.6.1), Keep-Alive, Proxy-Connection, TE (except `trailers`), Transfer-Encoding, Upgrade.
void RemoveHopByHop(HeaderBlock& headers);

// Calls f for each comma-separated element, trimmed, of every field with this id.
template <typename F>
void ForEachElement(std::string_view list, F f) {
  while (!list.empty()) {
    const size_t comma = list.find(',');
    std::string_view item = list.substr(0, comma);
    while (!item.empty() && (item.front() == ' ' || item.front() == '\t')) item.remove_prefix(1);
    while (!item.empty() && (item.back() == ' ' || item.back() == '\t')) item.remove_suffix(1);
    if (!item.empty()) f(item);
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
  }
}

// Frames the message, or belongs to one connection: codecs read and write these themselves.
bool IsOfConnection(HeaderId id);

// `Upgrade: websocket`, and `Connection` names it (RFC 6455 §4.1, RFC 9110 §7.8).
bool AsksForWebSocket(const HeaderBlock& headers);
// Takes Expect out of the list: 0 there was none, 100 the client waits for a 100, 417 it expects something else
// (RFC 9110 §10.1.1).
int TakeExpect(HeaderBlock& headers);
// RFC 9110 §5.6.2, not empty.
bool IsToken(std::string_view text);
bool IsTokenChar(char c);
// 0, or the status to refuse a method with: 400 if it is no token, 501 if it is none that travels. That takes more than
// the standard's names (QUERY, PROPFIND, M-SEARCH), but only what no reader could take for another one: upper-case
// letters, and behind the first of them digits, hyphens and underscores.
inline constexpr size_t kMaxMethodBytes = 32;
int CheckMethod(std::string_view method);
// What a list of fields counts for limits (RFC 9113 §10.5.1).
uint64_t FieldsCost(const HeaderBlock& headers);
// …and a head, which nobody writes above MessageLimits::kMaxSentHead.
uint64_t HeadCost(const RequestHead& head);
uint64_t HeadCost(const ResponseHead& head);
// host[:port] with nothing that could be read two ways: no user info, slash, space, control, %XX (names have no other
// spelling); brackets only around an IPv6 literal.
bool IsAuthority(std::string_view text);
// Lower-cases ASCII into the arena (in place view if already lower).
std::string_view LowerCopy(Arena& arena, std::string_view text);
// Non-negative decimal without sign, at most 2^62; kUnknownLength when it is not.
int64_t ParseContentLength(std::string_view text);
// Three digits, the first of them not 0 (RFC 9110 §15); 0 when it is not.
int ParseStatus(std::string_view text);
// What becomes of a field behind the body (RFC 9110 §6.5.1). Refused: what frames a message, addresses it or belongs to
// the connection, since a reader that merged it would see another message. Dropped: what is too late there.
enum class TrailerRule : uint8_t { kPass, kDrop, kRefuse };
TrailerRule RuleOfTrailer(HeaderId id);

}  // namespace meridian
