#include "net/proxy_protocol.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "net/address.h"

namespace meridian {
namespace {

using State = ProxyHeader::State;

constexpr std::string_view kV1 = "PROXY ";
constexpr std::string_view kV2("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr size_t kV2Fixed = 16;  // signature, version and command, family, length

ProxyHeader Malformed() { return {State::kMalformed, 0, std::nullopt}; }

// The next word, which one space or the end of the line follows; `line` moves behind it.
std::string_view TakeWord(std::string_view* line) {
  const size_t end = std::min(line->find(' '), line->size());
  const std::string_view word = line->substr(0, end);
  line->remove_prefix(std::min(end + 1, line->size()));
  return word;
}

std::optional<uint16_t> PortOf(std::string_view text) {
  uint16_t port = 0;
  if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

ProxyHeader ParseV1(std::string_view text) {
  const size_t end = text.substr(0, ProxyHeader::kMaxV1).find("\r\n");
  if (end == std::string_view::npos) {
    if (text.size() >= ProxyHeader::kMaxV1) return Malformed();
    return {};
  }
  ProxyHeader header{State::kDone, end + 2, std::nullopt};
  std::string_view line = text.substr(kV1.size(), end - kV1.size());
  const size_t spaces = static_cast<size_t>(std::count(line.begin(), line.end(), ' '));
  const std::string_view family = TakeWord(&line);
  if (family == "UNKNOWN") return header;  // the rest of the line has no meaning
  if ((family != "TCP4" && family != "TCP6") || spaces != 4) return Malformed();
  const std::string_view source = TakeWord(&line);
  const std::string_view destination = TakeWord(&line);
  const std::optional<uint16_t> source_port = PortOf(TakeWord(&line));
  const std::optional<uint16_t> destination_port = PortOf(TakeWord(&line));
  if (!source_port || !destination_port) return Malformed();
  const std::optional<Endpoint> client = ParseIpLiteral(source, *source_port);
  const std::optional<Endpoint> server = ParseIpLiteral(destination, *destination_port);
  const bool v6 = family == "TCP6";
  if (!client || !server || client->v6 != v6 || server->v6 != v6) return Malformed();
  header.client = client;
  header.server = server;
  return header;
}

ProxyHeader ParseV2(std::span<const uint8_t> bytes) {
  if (bytes.size() > 12 && bytes[12] >> 4 != 2) return Malformed();
  if (bytes.size() < kV2Fixed) return {};
  const unsigned command = bytes[12] & 0xf;
  const size_t length = static_cast<size_t>(bytes[14]) << 8 | bytes[15];
  const size_t size = kV2Fixed + length;
  if (command > 1 || size > ProxyHeader::kMaxV2) return Malformed();
  const uint8_t family = bytes[13];
  const bool v4 = family == 0x11;
  const bool v6 = family == 0x21;
  const bool local = command == 0;
  // Two addresses and two ports; the TLVs behind them are passed over.
  if (!local && length < (v4 ? 12u : v6 ? 36u : 0u)) return Malformed();
  if (bytes.size() < size) return {};
  ProxyHeader header{State::kDone, size, std::nullopt};
  if (local || (!v4 && !v6)) return header;
  const size_t size_of_address = v6 ? 16 : 4;
  const auto end_at = [&](size_t address, size_t port) {
    Endpoint out;
    out.v6 = v6;
    std::copy_n(bytes.begin() + static_cast<ptrdiff_t>(address), size_of_address, out.ip.begin());
    out.port = static_cast<uint16_t>(bytes[port] << 8 | bytes[port + 1]);
    return out;
  };
  const size_t ports = kV2Fixed + 2 * size_of_address;
  header.client = end_at(kV2Fixed, ports);
  header.server = end_at(kV2Fixed + size_of_address, ports + 2);
  return header;
}

std::string WriteV1(const ProxyAddresses& a) {
  return std::string(kV1) + (a.client.v6 ? "TCP6 " : "TCP4 ") + IpText(a.client) + ' ' + IpText(a.server) + ' ' +
         std::to_string(a.client.port) + ' ' + std::to_string(a.server.port) + "\r\n";
}

std::string WriteV2(const ProxyAddresses& a) {
  const size_t size_of_address = a.client.v6 ? 16 : 4;
  std::string out(kV2);
  out += '\x21';                         // version 2, PROXY
  out += a.client.v6 ? '\x21' : '\x11';  // TCP over it
  out += '\0';
  out += static_cast<char>(2 * size_of_address + 4);
  for (const Endpoint* e : {&a.client, &a.server})
    out.append(reinterpret_cast<const char*>(e->ip.data()), size_of_address);
  for (const Endpoint* e : {&a.client, &a.server}) {
    out += static_cast<char>(e->port >> 8);
    out += static_cast<char>(e->port & 0xff);
  }
  return out;
}

}  // namespace

ProxyHeader ParseProxyHeader(std::span<const uint8_t> bytes) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto begins = [&](std::string_view signature) {
    const size_t n = std::min(signature.size(), text.size());
    return text.substr(0, n) == signature.substr(0, n);
  };
  if (begins(kV2)) return text.size() < kV2.size() ? ProxyHeader{} : ParseV2(bytes);
  if (begins(kV1)) return text.size() < kV1.size() ? ProxyHeader{} : ParseV1(text);
  return Malformed();
}

std::string WriteProxyHeader(ProxyProtocol version, const ProxyAddresses* addresses) {
  const bool v1 = version == ProxyProtocol::kV1;
  if (!addresses) return v1 ? "PROXY UNKNOWN\r\n" : std::string(kV2) + std::string("\x20\0\0\0", 4);  // 2, LOCAL
  ProxyAddresses a = *addresses;
  const Endpoint client = Unmapped(a.client), server = Unmapped(a.server);
  a = client.v6 || server.v6 ? ProxyAddresses{Mapped(client), Mapped(server)} : ProxyAddresses{client, server};
  return v1 ? WriteV1(a) : WriteV2(a);
}

}  // namespace meridian
