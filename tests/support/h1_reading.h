// What an HTTP/1 codec makes of a string of bytes, as one line of text: the same for every way the network may cut it.
//
//   client side: "GET shop/a {x-a: 1} =body +{x-sum: 1}", several joined by " / ", "!" after a body that broke, "..."
//                after one that is not whole yet, a bare status for a refusal; " close" if the connection ends
//   origin side: "103 200 {x-a: 1} =body ok keep"; "failed" instead of "ok"; "..." while it is not whole
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "http/h1_client.h"
#include "http/h1_server.h"
#include "support/scripted_http.h"

namespace meridian::testing {

inline std::string ListText(std::string_view mark, const HeaderBlock& headers) {
  std::string out;
  for (const Header& h : headers) {
    out += (out.empty() ? "" : ", ") + std::string(h.name) + ": " + std::string(h.value);
  }
  return out.empty() ? out : " " + std::string(mark) + "{" + out + "}";
}

// Takes what came of the bodies, and answers each request that is whole with 204. Returns what was sent.
inline std::string AnswerAll(ServerCodec& server, ScriptedSink& sink, std::vector<std::string>& bodies) {
  std::string out;
  for (bool again = true; again;) {
    again = false;
    out += Produce(server);
    bodies.resize(sink.size());
    for (size_t i = 0; i < sink.size(); ++i) {
      ScriptedRequest& request = sink[i];
      bodies[i] += TakeAll(request.body);
      if (!request.has_head || request.closed || request.reply.status == 204 || !request.body.AtEnd()) continue;
      request.Answer(204, kUnknownLength, false);
      again = true;
    }
  }
  return out;
}

// How much of a body came through before it broke may depend on how the bytes were cut: then `broken` is kLeftOut.
enum class BrokenBodies { kShown, kLeftOut };

// `no_head`: what stands for a request whose head never came.
inline std::string RequestsText(ScriptedSink& sink, const std::vector<std::string>& bodies, std::string_view no_head,
                                BrokenBodies broken = BrokenBodies::kShown) {
  std::string out;
  for (size_t i = 0; i < sink.size(); ++i) {
    const ScriptedRequest& request = sink[i];
    if (i > 0) out += " / ";
    if (request.refused && !request.has_head) {
      out += std::to_string(request.refused);
    } else if (!request.has_head) {
      out += no_head;
    } else {
      const RequestHead& head = request.head;
      out += std::string(head.method_text) + " " + std::string(head.authority) + std::string(head.path);
      if (head.websocket) out += " websocket";
      out += ListText("", head.headers);
      const bool left_out = request.body.failed() && broken == BrokenBodies::kLeftOut;
      if (head.has_body || !bodies[i].empty()) out += " =" + (left_out ? "" : bodies[i]);
      out += request.body.failed() ? "!" : request.body.finished() || head.websocket ? "" : "...";
      out += ListText("+", request.body.trailers());
    }
  }
  return out;
}

inline std::string ResponseText(const ScriptedResponse& response, const std::string& body,
                                BrokenBodies broken = BrokenBodies::kShown) {
  std::string out;
  for (int status : response.informational) out += std::to_string(status) + " ";
  if (response.has_head) {
    out += std::to_string(response.head.status) + ListText("", response.head.headers);
    if (!body.empty() && !(response.failed && broken == BrokenBodies::kLeftOut)) out += " =" + body;
    out += ListText("+", response.body.trailers()) + " ";
  }
  return out += response.failed ? "failed" : response.completed ? "ok" : "...";
}

// `cuts`: where the network cuts the bytes; ascending. Every whole request is answered with 204.
inline std::string ServerReading(std::string_view bytes, const std::vector<size_t>& cuts, bool eof = false,
                                 const MessageLimits& limits = {}) {
  FakeHost host;
  ScriptedSink sink;
  H1Server server(host, sink, limits, false);
  std::vector<std::string> bodies;
  const auto turn = [&] { AnswerAll(server, sink, bodies); };
  size_t at = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    Feed(server, bytes.substr(at, end - at));
    at = end;
    turn();
    if (server.error()) break;
  }
  if (eof) server.OnEof();
  turn();
  std::string out = RequestsText(sink, bodies, "...");
  if (server.finished() || server.error()) out += out.empty() ? "close" : " close";
  server.OnClosed({});
  return out;
}

// The answer of an origin to one request. `later`: bytes that come after the connection was given back.
inline std::string ClientReading(std::string_view method, std::string_view bytes, const std::vector<size_t>& cuts,
                                 bool eof = false, const MessageLimits& limits = {}) {
  FakeHost host;
  ScriptedResponse response;
  const RequestHead request = response.Request(method);
  std::string body;
  H1Client client(host, limits);
  client.Start(request, nullptr, response);
  Produce(client);
  size_t at = 0;
  for (size_t i = 0; i <= cuts.size(); ++i) {
    const size_t end = i < cuts.size() ? cuts[i] : bytes.size();
    Feed(client, bytes.substr(at, end - at));
    at = end;
    body += TakeAll(response.body);
    if (client.error() || client.finished()) break;
  }
  if (eof && !client.error() && !client.finished()) client.OnEof();
  body += TakeAll(response.body);
  std::string out = ResponseText(response, body);
  out += client.finished() || client.error() ? " close" : " keep";
  client.OnClosed({});
  return out;
}

// Every single cut of the bytes, and each byte alone; until `check` says false.
template <typename Check>
void ForEveryCut(size_t size, Check check) {
  std::vector<size_t> bytewise;
  // Large ones are cut where it is odd.
  for (size_t i = 1; i<size; i += size> 3000 ? 97 : 1) bytewise.push_back(i);
  if (!check(std::vector<size_t>{}) || !check(bytewise) || size > 3000) return;
  for (size_t i = 1; i < size; ++i) {
    if (!check(std::vector<size_t>{i})) return;
  }
}

// For the names of parameterised tests.
inline std::string CaseName(std::string_view text) {
  std::string name(text);
  std::ranges::replace_if(
      name, [](char c) { return !std::isalnum(static_cast<unsigned char>(c)); }, '_');
  return name;
}

}  // namespace meridian::testing
