#include "support/web_socket.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

namespace meridian::testing {
namespace {

constexpr const char* kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
enum Opcode : unsigned { kContinuation = 0, kText = 1, kBinary = 2, kClose = 8, kPing = 9, kPong = 10 };
constexpr uint64_t kMostPayload = 64u << 20;

std::string BigEndian(uint64_t value, size_t size) {
  std::string bytes;
  for (size_t i = size; i-- > 0;) bytes.push_back(static_cast<char>(value >> (8 * i)));
  return bytes;
}

uint64_t FromBigEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (const char c : bytes) value = value << 8 | static_cast<unsigned char>(c);
  return value;
}

}  // namespace

std::string WebSocketAccept(const std::string& key) {
  const std::string text = key + kGuid;
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest);
  unsigned char encoded[4 * ((SHA_DIGEST_LENGTH + 2) / 3) + 1];
  const int size = EVP_EncodeBlock(encoded, digest, sizeof(digest));
  return {reinterpret_cast<const char*>(encoded), static_cast<size_t>(size)};
}

bool WebSocket::Need(size_t size, const Deadline& deadline) {
  while (buffer_.size() < size) {
    if (connection_->Read(&buffer_, deadline) != ReadEnd::kData) return false;
  }
  return true;
}

bool WebSocket::ReadFrame(unsigned* opcode, bool* last, std::string* payload, const Deadline& deadline) {
  if (!Need(2, deadline)) return false;
  const unsigned first = static_cast<unsigned char>(buffer_[0]);
  const unsigned second = static_cast<unsigned char>(buffer_[1]);
  if (!(second & 0x80)) return false;  // clients mask
  *opcode = first & 0x0f;
  *last = (first & 0x80) != 0;
  uint64_t size = second & 0x7f;
  const size_t size_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
  if (!Need(2 + size_bytes + 4, deadline)) return false;
  if (size_bytes > 0) size = FromBigEndian(std::string_view(buffer_).substr(2, size_bytes));
  const size_t head = 2 + size_bytes + 4;
  if (size > kMostPayload || !Need(head + size, deadline)) return false;
  const std::string mask = buffer_.substr(head - 4, 4);
  *payload = buffer_.substr(head, size);
  for (size_t i = 0; i < size; ++i) (*payload)[i] = static_cast<char>((*payload)[i] ^ mask[i % 4]);
  buffer_.erase(0, head + size);
  return true;
}

bool WebSocket::Read(WebSocketMessage* message, const Deadline& deadline) {
  *message = {};
  unsigned opcode;
  bool last;
  for (std::string payload; ReadFrame(&opcode, &last, &payload, deadline);) {
    if (opcode == kClose) {
      close_code_ = payload.size() < 2 ? kWebSocketNoCode
                                       : static_cast<int>(FromBigEndian(std::string_view(payload).substr(0, 2)));
      return false;
    }
    if (opcode == kPing && !SendFrame(kPong, payload, deadline)) return false;
    if (opcode == kPing || opcode == kPong) continue;
    if (opcode != kContinuation) message->binary = opcode == kBinary;
    message->text += payload;
    if (last) return true;
  }
  return false;
}

bool WebSocket::SendFrame(unsigned opcode, const std::string& payload, const Deadline& deadline) {
  std::string frame(1, static_cast<char>(0x80 | opcode));
  const size_t size = payload.size();
  if (size < 126) {
    frame += BigEndian(size, 1);
  } else {
    frame += size < 65536 ? BigEndian(126, 1) + BigEndian(size, 2) : BigEndian(127, 1) + BigEndian(size, 8);
  }
  return connection_->Send(frame + payload, deadline);
}

bool WebSocket::Send(const WebSocketMessage& message, const Deadline& deadline) {
  return SendFrame(message.binary ? kBinary : kText, message.text, deadline);
}

bool WebSocket::Close(int code, const std::string& reason, const Deadline& deadline) {
  return SendFrame(kClose, code == kWebSocketNoCode ? "" : BigEndian(static_cast<uint64_t>(code), 2) + reason,
                   deadline);
}

}  // namespace meridian::testing
