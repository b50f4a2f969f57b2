// One call of the admin endpoint: a request, and its whole answer. For the demo's operator and for `meridian drill`.
//
// Lives on the loop of its pool; dropping it cancels it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "origin/pool.h"

namespace meridian {

struct AdminReply {
  int status = 0;  // 0: no answer
  std::string etag;
  std::string body;
};

OriginPool::Options AdminPoolOptions(const Endpoint& admin);

class AdminCall final : private PoolRequest, private ResponseHandler, private BodyPipe::Reader {
 public:
  static constexpr size_t kMaxReply = 4 * 1024 * 1024;

  // The texts outlive the call. A body is JSON.
  AdminCall(std::string_view authority, Method method, std::string_view path, std::string_view if_match,
            std::string_view body);
  ~AdminCall() override;
  void Send(OriginPool& pool, const Endpoint& to);
  bool done() const { return done_; }
  const AdminReply& reply() const { return reply_; }

 private:
  void OnPoolReady(ClientCodec& codec) override;
  void OnPoolFailed(const Error&) override { done_ = true; }
  Arena& arena() override { return arena_; }
  BodyPipe& response_body() override { return response_body_; }
  void OnInformational(const ResponseHead&) override {}
  void OnResponseHead(const ResponseHead& head) override;
  void OnBodyReadable() override;
  void OnResponseComplete() override;
  void OnAttemptFailed(const Error&) override;

  Arena arena_;
  RequestHead head_;
  BodyPipe request_body_, response_body_;
  ClientStream* stream_ = nullptr;
  int status_ = 0;
  AdminReply reply_;
  bool done_ = false;
};

}  // namespace meridian
