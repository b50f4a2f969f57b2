// What really happened, told by both ends: which requests were made, which origin was given which of them, and which
// answer is whose. Whatever contradicts it is a fault of the proxy in between.
//
// Each answer says in its body whose it is, again and again: "[a7.r3]" is answer 7, to request 3. Bytes that the fuzzer
// makes up can't contain that. Each byte of an upload says whose it is and where it belongs.
#pragma once

#include <charconv>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fuzz/strict_h1.h"

namespace meridian::testing {

class Ledger {
 public:
  // Who holds a copy of a request.
  struct Delivery {
    int origin = 0;
    size_t connection = 0;
    uint32_t stream = 0;    // 0: HTTP/1
    bool returned = false;  // the origin proved that it did nothing
  };
  struct Answer {
    uint32_t request = 0;
    std::string body;     // all of it
    bool sealed = false;  // …and its end have left the origin
    bool open = false;    // it ends where its connection ends, or with bytes of the fuzzer in between
    int taken_by = -1;    // the response that brought it
  };

  uint32_t NewRequest() {
    deliveries_.emplace_back();
    uploads_.emplace_back();
    return static_cast<uint32_t>(deliveries_.size() - 1);
  }
  size_t requests() const { return deliveries_.size() - 1; }
  // The number in a request's x-id; 0: none that we gave.
  uint32_t RequestOf(const StrictMessage& m) const {
    const std::string id = m.Field("x-id");
    if (id.empty() || id.size() > 5 || id.find_first_not_of("0123456789") != std::string::npos) return 0;
    const auto n = static_cast<uint32_t>(std::stoul(id));
    return n < deliveries_.size() ? n : 0;
  }

  // An origin has read the head of a request. One that must not run twice goes to a second origin only if the first one
  // gave it back.
  void OnDelivered(uint32_t request, const Delivery& to, bool repeatable) {
    if (request == 0) return;
    for (const Delivery& d : deliveries_[request]) {
      Must(repeatable || d.returned, "request " + std::to_string(request) + " was given to origin " +
                                         std::to_string(to.origin) + " after origin " + std::to_string(d.origin) +
                                         " had read it");
    }
    deliveries_[request].push_back(to);
  }
  template <typename Matches>
  void GiveBack(Matches matches) {
    for (auto& list : deliveries_) {
      for (Delivery& d : list) d.returned |= matches(d);
    }
  }

  // The next bytes of a request's body: all of them are the client's word from now on.
  std::string Upload(uint32_t request, size_t size) {
    const size_t from = uploads_[request].said;
    uploads_[request].said += size;
    return Part(request, from, size);
  }
  void EndUpload(uint32_t request) { uploads_[request].ended = true; }
  // Bytes of the fuzzer may be among them.
  void ForgetUpload(uint32_t request) { uploads_[request].known = false; }
  void ForgetUploads() {
    for (Said& upload : uploads_) upload.known = false;
  }
  // An origin has read so much of a request's body; the first `seen` bytes of it were looked at before.
  void OnUpload(uint32_t request, std::string_view body, size_t seen, bool whole) const {
    if (request == 0 || !uploads_[request].known) return;
    const Said& upload = uploads_[request];
    const std::string name = "the body of request " + std::to_string(request);
    Must(body.size() <= upload.said, name + " has more bytes than its client said");
    Must(body.substr(seen) == Part(request, seen, body.size() - seen),
         name + " is not what its client said, behind byte " + std::to_string(seen));
    Must(!whole || (upload.ended && body.size() == upload.said),
         name + " seems whole with " + std::to_string(body.size()) + " of " + std::to_string(upload.said) + " bytes");
  }

  // The body of the answer is whole markers, about `size` bytes.
  uint32_t NewAnswer(uint32_t request, size_t size) {
    answers_.push_back({request, Markers(static_cast<uint32_t>(answers_.size()), request, size)});
    return static_cast<uint32_t>(answers_.size() - 1);
  }
  Answer& answer(uint32_t id) { return answers_[id]; }
  // What every origin has to say about a request that may be continued elsewhere: answer 0.
  static std::string Representation(uint32_t request) { return Markers(0, request, 4000); }
  static std::string Name(uint32_t answer, uint32_t request) {
    return "a" + std::to_string(answer) + ".r" + std::to_string(request);
  }

  // A client has read a response, as far as it came. `request` 0: nobody knows to which of them.
  void OnResponse(uint32_t request, const StrictMessage& m, bool to_head) {
    const int response = responses_++;
    const std::vector<std::pair<uint32_t, uint32_t>> marks = Marks(m.body + "[" + m.Field("x-answer") + "]");
    if (marks.empty()) return;
    const auto [first, whose] = marks.back();
    for (const auto& [a, r] : marks) {
      const std::string name = Name(a, r);
      Must(a == first && r == whose, "two answers in one response: " + name + " and " + Name(first, whose));
      Must(a < answers_.size(), "an answer that nobody gave");
      Must(request == 0 || r == 0 || r == request,
           "the answer " + name + " in the response to request " + std::to_string(request));
    }
    if (first == 0) {
      if (m.whole && !m.until_close && m.status == 200 && !to_head) {
        Must(m.body == Representation(whose), "a continued body that is not the whole: " + m.body.substr(0, 100));
      }
      return;
    }
    Answer& answer = answers_[first];
    Must(answer.taken_by < 0 || answer.taken_by == response, "the answer " + Name(first, whose) + " came twice");
    answer.taken_by = response;
    if (answer.open) return;
    if (m.whole && !m.until_close && !to_head && m.status != 304 && m.status != 204) {
      Must(answer.sealed && m.body == answer.body,
           "a body of " + std::to_string(m.body.size()) + " bytes that seems whole, of " +
               std::to_string(answer.body.size()) + (answer.sealed ? "" : ", which was never sent whole"));
    }
  }

 private:
  struct Said {
    size_t said = 0;
    bool ended = false, known = true;
  };
  static std::string Part(uint32_t request, size_t from, size_t size) {
    std::string out(size, ' ');
    for (size_t i = 0; i < size; ++i) {
      const auto n = (request * 0x9e3779b1u + static_cast<uint32_t>(from + i)) * 0x85ebca6bu;
      out[i] = "abcdefghijklmnopqrstuvwxyz012345"[n >> 27];
    }
    return out;
  }
  static std::string Markers(uint32_t answer, uint32_t request, size_t size) {
    const std::string one = "[" + Name(answer, request) + "]";
    std::string out;
    while (out.size() < size) out += one;
    return out;
  }
  static std::vector<std::pair<uint32_t, uint32_t>> Marks(std::string_view text) {
    std::vector<std::pair<uint32_t, uint32_t>> out;
    for (size_t at = 0; (at = text.find("[a", at)) != text.npos; at += 2) {
      const char* end = text.data() + text.size();
      std::pair<uint32_t, uint32_t> mark;
      const auto first = std::from_chars(text.data() + at + 2, end, mark.first);
      if (first.ec != std::errc() || end - first.ptr < 4 || first.ptr[0] != '.' || first.ptr[1] != 'r') continue;
      const auto second = std::from_chars(first.ptr + 2, end, mark.second);
      if (second.ec != std::errc() || second.ptr == end || *second.ptr != ']') continue;
      if (out.empty() || out.back() != mark) out.push_back(mark);
    }
    return out;
  }

  std::vector<std::vector<Delivery>> deliveries_{1};  // by request
  std::vector<Said> uploads_{1};                      // likewise
  std::vector<Answer> answers_{1};
  int responses_ = 0;
};

// Bytes of the fuzzer, without what only the two ends may say.
inline std::string Harmless(std::string_view text) {
  std::string out(text);
  std::ranges::replace(out, '[', '(');
  for (const std::string_view ours : {"x-id", "x-answer", "HEAD"}) {
    const auto same = [](char a, char b) { return (a | 32) == (b | 32); };
    for (auto at = out.begin(); (at = std::search(at, out.end(), ours.begin(), ours.end(), same)) != out.end(); ++at) {
      *at = 'y';
    }
  }
  return out;
}

}  // namespace meridian::testing
