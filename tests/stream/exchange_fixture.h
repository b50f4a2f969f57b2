// The world of support/exchange_world.h, with what tests ask of it: what arrived where, and the log.
#pragma once

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "support/exchange_world.h"
#include "support/h2_peer.h"
#include "support/run_loop.h"

namespace meridian {

using testing::H2Peer;
using testing::RunUntil;
using testing::ScriptedRequest;
using testing::Settle;
using testing::TestH2Origin;
using testing::TestOrigin;

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
inline constexpr std::string_view k503 = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 4\r\n\r\nbusy";
inline constexpr std::string_view kGet = "GET /a?secret=1 HTTP/1.1\r\nHost: shop.example\r\n\r\n";

inline bool Has(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

inline size_t Count(std::string_view text, std::string_view part) {
  size_t n = 0;
  for (size_t at = 0; (at = text.find(part, at)) != std::string_view::npos; at += part.size()) ++n;
  return n;
}

class ExchangeTest : public ::testing::Test, protected testing::ExchangeWorld {
 protected:
  ExchangeTest() {
    char path[] = "/tmp/meridian-access-XXXXXX";
    close(mkstemp(path));
    log_path_ = path;
  }
  ~ExchangeTest() override {
    End();
    unlink(log_path_.c_str());
  }

  void Start() {
    std::string problem;
    log_ = AccessLogWriter::Open(log_path_, &problem);
    ASSERT_TRUE(log_) << problem;
    Begin(log_.get());
  }

  void Send(std::string_view text) {
    ASSERT_EQ(send(client_, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
  }
  std::string& received() {
    char bytes[16 * 1024];
    for (;;) {
      const ssize_t n = recv(client_, bytes, sizeof bytes, MSG_DONTWAIT);
      if (n > 0) received_.append(bytes, static_cast<size_t>(n));
      if (n == 0 || (n < 0 && errno != EAGAIN)) client_eof_ = true;
      if (n <= 0) return received_;
    }
  }
  bool ClientGets(std::string_view part) {
    return RunUntil(loop_, [&] { return Has(received(), part); });
  }
  bool ClientIsCut() {
    return RunUntil(loop_, [&] {
      received();
      return client_eof_;
    });
  }
  // Waits for an unanswered request at origin `o`, on any connection; returns the connection.
  size_t Arrives(size_t o) {
    size_t found = SIZE_MAX;
    EXPECT_TRUE(RunUntil(loop_,
                         [&] {
                           for (size_t c = 0; c < origins_[o]->connections(); ++c) {
                             if (origins_[o]->requests(c) > 0) found = c;
                           }
                           return found != SIZE_MAX;
                         }))
        << "no request at origin " << o;
    return found == SIZE_MAX ? 0 : found;
  }
  void Answer(size_t o, std::string_view answer) {
    const size_t c = Arrives(o);
    if (c < origins_[o]->connections()) origins_[o]->Answer(c, answer);
  }
  // Time passes a little at a time, so that sockets keep up with it.
  void Pass(Duration d) {
    for (Duration done{}; done < d; done += 20ms) {
      loop_.Advance(20ms);
      Settle(loop_);
    }
  }
  // The access log so far, after everything is over.
  std::string Log() {
    while (connection_) connection_->Close();
    loop_.RunTurn(false);
    context_->FlushLog();
    log_.reset();  // writes all
    std::ifstream file(log_path_);
    std::stringstream text;
    text << file.rdbuf();
    // The context must not use the writer any more.
    return text.str();
  }
  uint32_t Signals(uint16_t region, Signal signal) {
    Settle(loop_);
    uint32_t n = 0;
    for (const OutcomeRun& run : outcomes_) {
      if (run.region == region && run.signal == signal) n += run.count;
    }
    return n;
  }
  // "1 saved 2×" per run: where requests failed first, what became of them, how many.
  std::vector<std::string> Affected() {
    Settle(loop_);
    std::vector<std::string> out;
    for (const AffectedRun& run : affected_) {
      out.push_back(std::to_string(run.region) + (run.saved ? " saved " : " lost ") + std::to_string(run.count) + "×");
    }
    return out;
  }
  const std::vector<AffectedRun>& affected() const { return affected_; }
  RouteCells& route_cells() { return context_->route_cells(0); }

  std::string received_;
  bool client_eof_ = false;

 private:
  std::unique_ptr<AccessLogWriter> log_;
  std::string log_path_;
};

// The same with a client of HTTP/2, by prior knowledge.
class Http2ExchangeTest : public ExchangeTest {
 protected:
  // Moves bytes between the peer and the socket until `done`.
  template <typename F>
  bool Until(F done) {
    return RunUntil(loop_, [&] {
      const std::string out = peer_.Output();
      if (!out.empty()) Send(out);
      received_.clear();
      const std::string in = received();
      if (!in.empty()) peer_.Input(in);
      return done();
    });
  }
  int32_t Get() {
    return peer_.Request({{":method", "GET"}, {":scheme", "http"}, {":authority", "shop.example"}, {":path", "/"}});
  }
  H2Peer peer_{false};
};

}  // namespace meridian
