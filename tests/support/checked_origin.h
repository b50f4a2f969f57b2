// An HTTP/1.1 origin that says what it sent and what it got, so that a client in any language can tell whether all of
// it arrived. What it serves is in tests/clients/README.md; programs there serve the same in other languages.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "support/http1.h"
#include "support/session_server.h"

namespace meridian::testing {

class CheckedOrigin {
 public:
  CheckedOrigin() = default;

  uint16_t port() const { return server_.port(); }
  std::string url() const { return "http://127.0.0.1:" + std::to_string(port()); }

  // Of what GET /bytes/<size> sends.
  static std::string DigestOf(uint64_t size);

  // GET `path` is answered with this from now on.
  void AddPage(const std::string& path, const std::string& type, const std::string& content);
  // What was sent to POST /report: the words of a client that has no other way to say them. Empty if nothing came.
  std::string WaitForReport(Millis limit);
  // How each WebSocket ended that a client ended: its code, 1005 for none, 1006 when it just went away.
  std::vector<int> WaitForCloseCodes(size_t count, Millis limit);

 private:
  struct Request {
    std::string method, path;
    Headers headers;
  };
  struct Page {
    std::string type, content;
  };
  // Bytes and their digest, made once per size.
  struct Pattern {
    std::string bytes, digest;
  };

  void Serve(Connection* connection);
  // False: the connection is finished.
  bool ServeOne(Connection* connection, MessageReader* reader);
  bool Answer(Connection* connection, MessageReader* reader, const Request& request);
  bool AnswerBody(Connection* connection, MessageReader* reader, const Request& request);
  bool SendEvents(Connection* connection, const std::string& id);
  bool SendPattern(Connection* connection, const Request& request);
  void Speak(Connection* connection, const Request& request);
  std::shared_ptr<const Pattern> PatternOf(uint64_t size);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Page> pages_;
  std::map<std::string, int> events_asked_for_;
  std::map<uint64_t, std::shared_ptr<const Pattern>> patterns_;
  std::string report_;
  std::vector<int> close_codes_;
  SessionServer server_{[this](Connection* connection, uint64_t) { Serve(connection); }};
};

}  // namespace meridian::testing
