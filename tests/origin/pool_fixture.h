// A pool against listeners on loopback that the test serves by hand.
#pragma once

#include "origin/pool.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support/run_loop.h"
#include "support/scripted_http.h"
#include "support/test_origin.h"

namespace meridian::testing {

inline constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

// One request: takes a connection or waits for one, as an attempt does.
class Asker final : public PoolRequest {
 public:
  ~Asker() override { Stop(); }
  void OnPoolReady(ClientCodec& codec) override { Start(codec); }
  void OnPoolFailed(const Error& e) override {
    ++failures;
    error = e;
    asked = address;
    if (on_failed) on_failed();
  }
  bool Ask(OriginPool& pool, const std::vector<Endpoint>& endpoints) {
    pool.SetAddresses(endpoints);
    return Ask(pool);
  }
  bool Ask(OriginPool& pool) {
    if (ClientCodec* codec = pool.TryTake(client, &address)) {
      reused = true;
      Start(*codec);
      return true;
    }
    if (pool.Wait(*this, &error)) return true;
    asked = address;
    return false;
  }
  void Stop() {
    Leave();
    const bool over = response.completed > 0 || response.failed > 0;
    if (stream && !over) stream->Cancel();
    stream = nullptr;
  }
  bool done() const { return response.completed > 0; }

  ScriptedResponse response;
  ClientStream* stream = nullptr;
  bool reused = false;
  int failures = 0;
  Error error;
  std::string asked;  // the address that it got, or that failed it
  std::function<void()> on_failed;

 private:
  void Start(ClientCodec& codec) {
    asked = address;
    request_ = response.Request("GET");
    stream = codec.Start(request_, nullptr, response);
  }
  RequestHead request_;
};

class PoolTest : public ::testing::Test {
 protected:
  void Make(OriginProtocol protocol = OriginProtocol::kHttp, uint32_t max_connections = 8, uint32_t max_pending = 8) {
    OriginPool::Options options;
    options.origin.protocol = protocol;
    options.limits.max_connections = max_connections;
    options.limits.max_pending = max_pending;
    options.limits.idle_timeout = 20s;
    options.proxy_protocol = proxy_protocol_;
    options.warm = proxy_protocol_ != ProxyProtocol::kOff;  // which is without effect there
    options.counters = &counters_;
    options.tls = tls_;
    pool_ = std::make_unique<OriginPool>(loop_, options);
  }
  std::vector<Endpoint> at(const TestOrigin& origin) { return {origin.endpoint()}; }
  // Waits until the origin has a request on its connection `i` and answers it.
  void Serve(size_t i, std::string_view answer = kOk) {
    ASSERT_TRUE(RunUntil(loop_, [&] { return origin_.requests(i) > 0; }));
    origin_.Answer(i, answer);
  }

  Loop loop_{true};
  TestOrigin origin_{loop_};
  PoolCounters counters_;
  ProxyProtocol proxy_protocol_ = ProxyProtocol::kOff;
  TlsClientContext* tls_ = nullptr;
  std::unique_ptr<OriginPool> pool_;
};

}  // namespace meridian::testing
