// The access log: one JSON line per request at its end, with every attempt.
//
// Each worker formats into its own buffer; full or 100 ms old buffers go to one writer thread through a bounded queue.
// A stopped reader or full disk never blocks a worker: buffers are dropped and counted. Never authorization, cookie or
// bodies; the query is kept out of `path`.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "meridian/filter.h"
#include "meridian/time.h"

namespace meridian {

struct AttemptRecord {
  std::string_view region;   // names live as long as the snapshot
  std::string_view origin;   // URL as configured
  std::string_view reason;   // StepReason name
  std::string_view address;  // "192.0.2.1:80": asked, or the last one that could not be reached; empty: none yet
  int status = 0;            // 0: no response head
  std::string_view error;    // ErrorCode name, empty when none
  std::string_view why;      // what the peer or TLS said of it, static; empty: nothing
  Duration start{};          // since the request began
  Duration time{};           // to the head or the failure
  bool reused = false;       // on a kept connection
  bool drill = false;        // a failure on purpose, the origin was not asked
};

struct AccessRecord {
  int64_t unix_us = 0;        // when the request began, wall clock
  std::string_view client;    // address
  std::string_view protocol;  // "HTTP/2"
  std::string_view method, authority, path;
  std::string_view request_id;
  std::string_view route, service, region;  // empty: none
  int status = 0;                           // 0: the client got no response head
  std::string_view grpc_status = {};        // digits, of an answer of our own to a call of gRPC
  std::string_view end;                     // "complete" "client_reset" "origin_reset" "timeout" "local"
  uint64_t bytes_in = 0, bytes_out = 0;     // bodies
  Duration duration{};                      // request head complete → last byte handed to the client's connection
  Duration head_time{};                     // request head complete → response head; 0: none
  bool fail_open = false;
  std::span<const AttemptRecord> attempts;
};

// Appends one line with its newline. Pure, no allocation beyond `out`'s growth. Bytes that came from outside are
// escaped (json_text.h); a query in `path` is left out. A line is never longer than a pipe takes whole (output.h): long
// texts are cut, and of many attempts the last ones left out, which the line says.
void FormatAccessRecord(const AccessRecord& record, std::string* out);

// Owns the writer thread and the file. Make one per process.
class AccessLogWriter {
 public:
  static constexpr size_t kQueue = 64;  // buffers that wait for the writer

  // `path`: "stdout", "stderr" or a file, appended to. Null and `error` set if it can't be opened.
  static std::unique_ptr<AccessLogWriter> Open(const std::string& path, std::string* error);
  // Writes what is queued, for at most 1 s, even if the reader of a pipe has stopped.
  ~AccessLogWriter();
  AccessLogWriter(const AccessLogWriter&) = delete;
  AccessLogWriter& operator=(const AccessLogWriter&) = delete;

  // Takes the buffer of whole lines and leaves an empty one; false: the queue was full, the lines are lost and the
  // caller counts them. Thread-safe, never blocks on I/O.
  bool Submit(std::string* buffer);
  // Closes the file and opens the path again, before the next buffer is written (after USR1). Keeps the old file if
  // that fails. Thread-safe.
  void Reopen();
  // Lines lost after Submit took them: to write errors (full disk, reader gone), or left over at the end.
  uint64_t write_errors() const;

 private:
  struct Impl;
  explicit AccessLogWriter(std::shared_ptr<Impl> impl);
  // Shared with the thread, which outlives the writer when a disk keeps it waiting longer than the destructor may.
  std::shared_ptr<Impl> impl_;
};

}  // namespace meridian
