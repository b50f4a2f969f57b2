#include "support/http1.h"

#include <strings.h>

#include <algorithm>
#include <cstdlib>

namespace meridian::testing {
namespace {

std::string_view Trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

const char* Describe(ReadEnd end) {
  switch (end) {
    case ReadEnd::kData:
      return "malformed";
    case ReadEnd::kEof:
      return "closed";
    case ReadEnd::kReset:
      return "reset";
    case ReadEnd::kTimeout:
      return "timeout";
  }
  return "";
}

bool HasNoBody(const std::string& method, int status) {
  return method == "HEAD" || status == 204 || status == 304 || status < 200;
}

std::string Serialize(const HttpRequest& request, const std::string& host) {
  std::string text = request.method + " " + request.target + " " + request.version + "\r\n";
  if (!request.headers.Has("host")) text += "host: " + host + "\r\n";
  for (const auto& [name, value] : request.headers) text += name + ": " + value + "\r\n";
  if (!request.body.empty() && !request.headers.Has("content-length") && !request.headers.Has("transfer-encoding")) {
    text += "content-length: " + std::to_string(request.body.size()) + "\r\n";
  }
  return text + "\r\n" + request.body;
}

}  // namespace

bool EqualsIgnoringCase(std::string_view a, std::string_view b) {
  return a.size() == b.size() && strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::string Headers::Get(std::string_view name) const {
  for (const auto& [key, value] : list_) {
    if (EqualsIgnoringCase(key, name)) return value;
  }
  return "";
}

size_t Headers::Count(std::string_view name) const {
  return static_cast<size_t>(
      std::count_if(list_.begin(), list_.end(), [&](const auto& h) { return EqualsIgnoringCase(h.first, name); }));
}

bool MessageReader::More(const Deadline& deadline) {
  end_ = connection_->Read(&buffer_, deadline);
  return end_ == ReadEnd::kData;
}

bool MessageReader::ReadLine(std::string* line, const Deadline& deadline) {
  size_t end;
  while ((end = buffer_.find("\r\n")) == std::string::npos) {
    if (!More(deadline)) return false;
  }
  *line = buffer_.substr(0, end);
  buffer_.erase(0, end + 2);
  return true;
}

bool MessageReader::ReadHeaders(Headers* headers, const Deadline& deadline) {
  for (std::string line; ReadLine(&line, deadline);) {
    if (line.empty()) return true;
    const size_t colon = line.find(':');
    if (colon == std::string::npos) return false;
    headers->Add(line.substr(0, colon), std::string(Trim(std::string_view(line).substr(colon + 1))));
  }
  return false;
}

bool MessageReader::ReadHead(std::string* start_line, Headers* headers, const Deadline& deadline) {
  return ReadLine(start_line, deadline) && ReadHeaders(headers, deadline);
}

bool MessageReader::ReadPiece(uint64_t size, std::string* body, const Deadline& deadline) {
  while (size > 0) {
    if (buffer_.empty() && !More(deadline)) return false;
    const size_t piece = std::min<uint64_t>(size, buffer_.size());
    if (!drop_bodies_) body->append(buffer_, 0, piece);
    buffer_.erase(0, piece);
    body_bytes_ += piece;
    size -= piece;
  }
  return true;
}

bool MessageReader::ReadChunked(std::string* body, Headers* trailers, const Deadline& deadline) {
  for (std::string line; ReadLine(&line, deadline);) {
    const size_t size = std::strtoull(line.c_str(), nullptr, 16);
    if (size == 0) return ReadHeaders(trailers, deadline);
    if (!ReadPiece(size, body, deadline) || !ReadLine(&line, deadline) || !line.empty()) return false;
  }
  return false;
}

bool MessageReader::ReadBody(const Headers& headers, bool until_close, std::string* body, Headers* trailers,
                             const Deadline& deadline) {
  body_bytes_ = 0;
  if (EqualsIgnoringCase(headers.Get("transfer-encoding"), "chunked")) return ReadChunked(body, trailers, deadline);
  if (headers.Has("content-length")) {
    return ReadPiece(std::strtoull(headers.Get("content-length").c_str(), nullptr, 10), body, deadline);
  }
  if (!until_close) return true;
  while (More(deadline)) {
  }
  body->append(std::exchange(buffer_, ""));
  return end_ == ReadEnd::kEof;
}

void Http1Client::Disconnect() {
  reader_.reset();
  connection_.reset();
}

bool Http1Client::Connect(const Deadline& deadline) {
  if (connection_) return true;
  connection_ = Connection::Open(port_, tls_, deadline.left());
  if (!connection_) return false;
  ++connections_;
  reader_ = std::make_unique<MessageReader>(connection_.get());
  return true;
}

HttpResponse Http1Client::ReadResponse(const std::string& method, const Deadline& deadline) {
  HttpResponse response;
  while (true) {
    std::string status_line;
    Headers headers;
    if (!reader_->ReadHead(&status_line, &headers, deadline)) break;
    const size_t space = status_line.find(' ');
    const int status = space == std::string::npos ? 0 : std::atoi(status_line.c_str() + space);
    if (status >= 100 && status < 200 && status != 101) {
      response.interim.push_back(status);
      continue;
    }
    response.status = status;
    response.headers = std::move(headers);
    response.complete = HasNoBody(method, status) ||
                        reader_->ReadBody(response.headers, true, &response.body, &response.trailers, deadline);
    break;
  }
  if (!response.complete) response.error = Describe(reader_->end());
  return response;
}

HttpResponse Http1Client::Do(const HttpRequest& request, Millis limit) {
  const Deadline deadline(limit);
  HttpResponse response;
  if (!Connect(deadline)) {
    response.error = "cannot connect";
    return response;
  }
  // A server may answer and close before it has read all: what it said counts, so read even if sending failed.
  connection_->Send(Serialize(request, host_), deadline);
  response = ReadResponse(request.method, deadline);
  const bool framed = response.headers.Has("content-length") || response.headers.Has("transfer-encoding") ||
                      HasNoBody(request.method, response.status);
  if (!response.complete || !framed || EqualsIgnoringCase(response.headers.Get("connection"), "close")) Disconnect();
  return response;
}

}  // namespace meridian::testing
