// What an HTTP/2 codec makes of a string of bytes, as one line of text: the same for every way the network may cut it.
//
// Requests as in h1_reading.h, then the errors that the codec sends: " rst 1 PROTOCOL_ERROR", " goaway FRAME_SIZE",
// " dead" for a connection that ends without a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/h2_client.h"
#include "http/h2_server.h"
#include "support/h1_reading.h"
#include "support/h2_raw.h"

namespace meridian::testing {

inline std::string ErrorsSent(std::string_view out) {
  std::string text;
  bool goaway = false;
  h2::ForEachFrame(out, [&](uint8_t type, uint8_t, uint32_t stream, std::string_view payload) {
    if (type == h2::kRst && payload.size() == 4 && h2::CodeName(payload) != "NO_ERROR") {
      text += " rst " + std::to_string(stream) + " " + h2::CodeName(payload);
    }
    if (type != h2::kGoaway || payload.size() < 8 || goaway) return;
    goaway = true;
    text += " goaway " + h2::CodeName(payload.substr(0, 8));
  });
  return text;
}

// Its limit of a target: what fits into one frame.
inline constexpr uint32_t kReadingTarget = 8 * 1024;

// After the preface and empty SETTINGS, unless `raw`. Every whole request is answered with 204.
inline std::string H2ServerReading(std::string_view bytes, const std::vector<size_t>& cuts, bool raw = false,
                                   BrokenBodies broken = BrokenBodies::kShown) {
  FakeHost host;
  ScriptedSink sink;
  MessageLimits limits;
  limits.max_target_bytes = kReadingTarget;
  H2Server server(host, sink, limits, false);
  std::vector<std::string> bodies;
  std::string out;
  const auto turn = [&] { out += AnswerAll(server, sink, bodies); };
  if (!raw) Feed(server, std::string(h2::kPreface) + h2::Settings());
  size_t at = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    Feed(server, bytes.substr(at, end - at));
    at = end;
    if (cuts.empty()) turn();
    for (size_t r = 0; r < sink.size(); ++r) {
      bodies.resize(sink.size());
      bodies[r] += TakeAll(sink[r].body);
    }
  }
  turn();
  const bool ended = server.error() || server.finished();
  std::string text = RequestsText(sink, bodies, "-", broken);
  const std::string errors = ErrorsSent(out);
  text += errors;
  if (ended && errors.find("goaway") == std::string::npos) text += " dead";
  server.OnClosed({});
  return text;
}

// An origin's bytes, after its SETTINGS unless `raw`, in answer to one request on stream 1.
inline std::string H2ClientReading(std::string_view method, std::string_view bytes, const std::vector<size_t>& cuts,
                                   bool raw = false, BrokenBodies broken = BrokenBodies::kShown) {
  FakeHost host;
  const MessageLimits limits;
  ScriptedResponse response;
  const RequestHead request = response.Request(method);
  std::string body, out;
  H2Client client(host, limits);
  client.Start(request, nullptr, response);
  out = Produce(client);
  out.erase(0, h2::kPreface.size());
  if (!raw) Feed(client, h2::Settings());
  size_t at = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    Feed(client, bytes.substr(at, end - at));
    at = end;
    body += TakeAll(response.body);
  }
  out += Produce(client);
  std::string text = ResponseText(response, body, broken);
  const bool ended = client.error() || client.finished();
  const std::string errors = ErrorsSent(out);
  text += errors;
  if (ended && errors.find("goaway") == std::string::npos) text += " dead";
  client.OnClosed({});
  return text;
}

}  // namespace meridian::testing
