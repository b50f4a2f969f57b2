// What workers count. Each worker writes its own cache-line-aligned block with relaxed atomics (plain stores in
// practice: one writer); the control thread reads all blocks at scrape and sums.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "meridian/error.h"
#include "meridian/time.h"

namespace meridian {

// A counter with one writer and any number of readers.
class Cell {
 public:
  void Add(uint64_t n = 1) { v_.store(v_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed); }
  void Set(uint64_t value) { v_.store(value, std::memory_order_relaxed); }
  void Sub(uint64_t n = 1) { Add(static_cast<uint64_t>(0) - n); }
  uint64_t Get() const { return v_.load(std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> v_{0};
};

// Times in seconds, buckets as in kLatencyBounds.
inline constexpr std::array<double, 16> kLatencyBounds = {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                                          0.25,   0.5,   1,      2.5,   5,    10,    15,   30};
struct LatencyCells {
  std::array<Cell, kLatencyBounds.size() + 1> buckets;
  Cell sum_us;
  void Add(Duration d);
};

inline constexpr size_t kErrorCodes = static_cast<size_t>(ErrorCode::kInternal) + 1;

// Per (service, region).
struct RegionCells {
  Cell attempts;
  Cell first_attempts;
  Cell failures_by_error[kErrorCodes];  // attempts that ended without a response, by ErrorCode
  Cell failover_statuses;               // attempts whose status moved the request on
  Cell trials;
  Cell drill_touched;      // requests that met a drill here
  Cell drill_saved;        // …and whose client got a good answer
  Cell drill_lost;         // …or did not
  Cell drill_gone;         // …or who left before any
  LatencyCells head_time;  // attempt start → response head
};

// Per route.
struct RouteCells {
  Cell requests;
  Cell responses_by_class[6];  // index status/100; 0: no response (client went away, reset)
  Cell failovers;              // requests that needed more than one attempt
  Cell saved;                  // …and whose client got an answer that is no failure
  Cell lost;                   // requests answered by our own 5xx or cut after commit
  Cell fail_open;
  Cell silence_moved;    // requests that began elsewhere, their region owed several answers
  Cell hedges;           // a second attempt started beside a slow one
  Cell resumes_done;     // a response that broke off goes on from another region
  Cell resumes_refused;  // …does not: what the other region has is not the same
  Cell resumes_failed;   // …does not: no other region answered
  Cell hedges_won;       // …and answered first
  LatencyCells duration;
};

// Per (route, arm).
struct ArmCells {
  Cell without_region;  // requests drawn for it while none of its regions was eligible
  Cell moved;           // …and sent to another arm
};

struct alignas(64) WorkerStats {
  WorkerStats(size_t service_regions, size_t routes, size_t arms = 0);
  // Connections and process-wide things of this worker.
  Cell client_connections_opened;
  Cell client_connections_closed;
  Cell client_tls_handshakes;  // that succeeded
  Cell client_tls_resumed;     // …going on from an earlier session
  Cell client_tls_stapled;     // …that took an OCSP response to the client
  Cell client_tls_failures;
  Cell client_certificates_refused;  // of those: the client's certificate is missing or does not verify
  Cell client_protocol_errors;
  Cell accept_paused;             // EMFILE and friends
  Cell connections_refused;       // over the limit
  Cell limit_client_connections;  // refused, their network has too many
  Cell limit_handshakes;          // connections closed unheard, too many handshakes lately
  Cell limit_handshake_time;      // handshakes that took too long
  Cell limit_requests;            // connections that had all their requests
  Cell limit_body_rate;           // request bodies that came too slowly
  Cell limit_client_stalls;       // clients that did not take their response
  Cell limit_memory_requests;     // refused for want of memory
  Cell limit_memory_keep_alive;   // connections asked to go
  Cell limit_memory_connections;  // closed unheard
  Cell buffer_bytes;              // held by requests under way, by the last look
  Cell overload_level;            // now
  Cell limit_proxy_headers;       // connections whose PROXY header was none
  Cell misdirected_requests;      // 421: for the host of another certificate
  Cell unmatched_requests;        // 404: no route
  Cell bytes_from_clients;
  Cell bytes_to_clients;
  Cell origin_connections_opened;
  Cell origin_connections_closed;
  Cell origin_connections_reused;
  Cell origin_address_failures;  // addresses of origins that did not work when a connection tried them
  Cell origin_address_left;      // connections given up because their address left the origin's name
  Cell access_log_dropped;
  Cell retry_budget_exhausted;
  Cell replay_abandoned_length;  // bodies over the replay limit
  Cell replay_abandoned_memory;  // bodies that found no room to be kept
  Cell replay_refused;           // a failed attempt that could not be replayed (method or body)
  Cell limit_header_bytes;       // 431
  Cell limit_expressions;        // 431: the expressions of routes would take too long for it
  Cell limit_underscores;        // fields that were dropped, or refused with their request
  Cell limit_target_bytes;       // 414
  Cell limit_hops;               // 508: passed this edge too often
  Cell limit_resets;             // GOAWAY ENHANCE_YOUR_CALM
  Cell limit_streams;            // requests refused unseen, their connection had too many
  Cell limit_timeouts;           // header, idle and stall timeouts of clients
  Cell early_hints;              // 1xx relayed
  Cell refused_paths;            // 400: a path without a safe reading
  Cell impossible_events;        // that came to an exchange which was past them
  // Indexed by Layout: flat over services, then their regions.
  std::vector<RegionCells> regions;
  std::vector<RouteCells> routes;
  std::vector<ArmCells> arms;  // flat over routes, then their arms
};

}  // namespace meridian
