// Addresses of origins: literals at once, names by DNS, asked again when their TTL ends. The last good answer is kept.
//
// An answer may be good for one family and have failed for the other, which looks like a name that has lost one. So who
// loses all addresses of a family is asked for that family alone, and keeps them unless the answer is that there are
// none.
//
// Control thread. Workers read the result from the snapshot, so that no request ever waits for a name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/resolver.h"

namespace meridian {

class EndpointFeedSink {
 public:
  virtual void OnEndpointsChanged(size_t id) = 0;

 protected:
  ~EndpointFeedSink() = default;
};

class EndpointFeed {
 public:
  // `servers` as in Resolver.
  EndpointFeed(Loop& loop, EndpointFeedSink& sink, std::string servers = "");
  ~EndpointFeed();
  // Ids count up from 0.
  size_t Add(const std::string& host, uint16_t port);
  const std::vector<Endpoint>& endpoints(size_t id) const { return entries_[id]->endpoints; }
  // Every name had its first answer, good or bad.
  bool settled() const { return unsettled_ == 0; }
  uint64_t failures() const { return failures_; }

 private:
  struct Entry {
    Entry(EndpointFeed& f, size_t i, std::string h, uint16_t p)
        : feed(f), id(i), host(std::move(h)), port(p), timer(f.loop_, Bind<&Entry::Ask>(this)) {}
    void Ask();
    void OnAnswer(const ResolveAnswer& answer);
    void OnAnswerOfFamily(bool v6, const ResolveAnswer& answer);
    bool LostFamily(bool v6) const;
    void Settle();
    EndpointFeed& feed;
    const size_t id;
    const std::string host;
    const uint16_t port;
    std::vector<Endpoint> endpoints;
    std::vector<Endpoint> next;  // of an answer that is looked into
    bool answered = false;
    bool failing = false;
    Timer timer;
  };
  Loop& loop_;
  EndpointFeedSink& sink_;
  const std::string servers_;
  std::vector<std::unique_ptr<Entry>> entries_;
  std::unique_ptr<Resolver> resolver_;  // made with the first name; destroyed before the entries
  size_t unsettled_ = 0;
  uint64_t failures_ = 0;
};

}  // namespace meridian
