// Real clients as subprocesses: curl for one request with all its details, h2load for many.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/http1.h"
#include "support/process.h"

namespace meridian::testing {

struct CurlResult {
  int exit_code = -1;
  int status = 0;
  std::string http_version;  // "1.1", "2"
  Headers headers;           // of the last response; with trailers, which curl reports as headers
  std::vector<int> interim;  // the 1xx before it
  std::string body;          // empty if the arguments have their own -o
  uint64_t downloaded = 0, uploaded = 0;
  std::string err;
};

// curl with `arguments` (the URL among them), silent, its own config file ignored.
CurlResult Curl(const std::vector<std::string>& arguments, Millis limit = 15s);

struct H2loadResult {
  int exit_code = -1;
  uint64_t total = 0, succeeded = 0, failed = 0, errored = 0, timeout = 0;
  uint64_t status_2xx = 0, status_4xx = 0, status_5xx = 0;
  std::string out;
};

H2loadResult H2load(const std::vector<std::string>& arguments, Millis limit = 20s);

}  // namespace meridian::testing
