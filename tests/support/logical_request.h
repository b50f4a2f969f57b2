// A request without a version: what a client means. It is written as HTTP/1.1 and as HTTP/2 in the many spellings that
// those allow, so that a test can ask whether both mean the same to the one who reads them.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "support/seeded.h"

namespace meridian::testing {

struct LogicalRequest {
  using Fields = std::vector<std::pair<std::string, std::string>>;
  enum class Body : uint8_t { kNone, kLength, kUnknownLength };

  std::string method = "GET";
  std::string target = "/";  // origin form, or "*"
  std::string authority = "shop.example";
  // From end to end, in order, names in lower case. Each cookie is a field of its own.
  Fields fields{};
  bool te_trailers = false;
  bool expect = false;  // 100-continue
  Body framing = Body::kNone;
  std::string body{};
  Fields trailers{};  // with kUnknownLength
};

// A valid one: odd, but what it means is beyond doubt.
LogicalRequest MakeRequest(Seeded& chance);

// Its bytes on a connection, in one of its spellings: absolute form, white space, case, chunks and their extensions,
// cookies in one field or several, fields for this hop only.
std::string AsHttp1(const LogicalRequest& request, Seeded& chance);
// As stream `stream` of a connection that has had its preface: pieces, padding, CONTINUATION, three kinds of literals,
// host in one place or another.
std::string AsHttp2(const LogicalRequest& request, uint32_t stream, Seeded& chance);

// For messages of tests: "GET a/b {x: 1} …", bytes that are no text as \xNN.
std::string Printable(const std::string& bytes);

}  // namespace meridian::testing
