#include "support/clients.h"

#include <algorithm>
#include <cstdlib>
#include <sstream>

#include "support/harness_error.h"

namespace meridian::testing {
namespace {

constexpr const char* kWriteOut = "%{http_version} %{http_code} %{size_download} %{size_upload}";

// curl's --dump-header: one block per response, 1xx included; trailers follow the last block without a status line.
void ParseHeads(const std::string& text, CurlResult* result) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.starts_with("HTTP/")) {
      const int status = std::atoi(line.c_str() + line.find(' '));
      if (status < 200 && status != 101) result->interim.push_back(status);
      result->headers = Headers();
      continue;
    }
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) result->headers.Add(line.substr(0, colon), line.substr(colon + 2));
  }
}

// "20 2xx" → 20 for "2xx": the digits that stand before the first place where `what` follows a number.
uint64_t NumberBefore(const std::string& text, const std::string& what) {
  static constexpr const char* kDigits = "0123456789";
  for (size_t at = text.find(' ' + what); at != std::string::npos; at = text.find(' ' + what, at + 1)) {
    const size_t before = at == 0 ? std::string::npos : text.find_last_not_of(kDigits, at - 1);
    const size_t begin = before == std::string::npos ? 0 : before + 1;
    if (begin < at) return std::strtoull(text.c_str() + begin, nullptr, 10);
  }
  return 0;
}

}  // namespace

CurlResult Curl(const std::vector<std::string>& arguments, Millis limit) {
  const TempDir dir;
  ProcessOptions options;
  options.argv = {"curl",
                  "-q",
                  "--silent",
                  "--show-error",
                  "--dump-header",
                  dir.File("head"),
                  "-w",
                  std::string("%{stderr}\n") + kWriteOut};
  // Each -o belongs to one URL, so a second one would not replace the first.
  if (std::find(arguments.begin(), arguments.end(), "-o") == arguments.end()) {
    options.argv.insert(options.argv.end(), {"-o", dir.File("body")});
  }
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  const RunResult run = RunProgram(options, limit);
  CurlResult result;
  result.exit_code = run.exit_code;
  result.err = run.err;
  result.body = ReadFile(dir.File("body"));
  ParseHeads(ReadFile(dir.File("head")), &result);
  std::istringstream summary(run.err.substr(run.err.rfind('\n') + 1));
  summary >> result.http_version >> result.status >> result.downloaded >> result.uploaded;
  return result;
}

H2loadResult H2load(const std::vector<std::string>& arguments, Millis limit) {
  ProcessOptions options;
  options.argv = {"h2load"};
  options.argv.insert(options.argv.end(), arguments.begin(), arguments.end());
  const RunResult run = RunProgram(options, limit);
  H2loadResult result;
  result.exit_code = run.exit_code;
  result.out = run.out + run.err;
  result.total = NumberBefore(run.out, "total,");
  result.succeeded = NumberBefore(run.out, "succeeded");
  result.failed = NumberBefore(run.out, "failed");
  result.errored = NumberBefore(run.out, "errored");
  result.timeout = NumberBefore(run.out, "timeout");
  result.status_2xx = NumberBefore(run.out, "2xx");
  result.status_4xx = NumberBefore(run.out, "4xx");
  result.status_5xx = NumberBefore(run.out, "5xx");
  return result;
}

}  // namespace meridian::testing
