// What the tests of the configuration share: the smallest good file, and slips in it.
#pragma once

#include "control/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

namespace meridian {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

inline const std::string kSource = MERIDIAN_SOURCE_DIR;
inline const std::string kFixtures = kSource + "/tests/control/fixtures";

inline std::string ReadText(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

inline ConfigResult Parse(std::string_view text) { return ParseConfig(text, "edge.yaml", kFixtures); }

// "12:5 message; suggestion", one per problem.
inline std::vector<std::string> Problems(const ConfigResult& result) {
  std::vector<std::string> out;
  for (const ConfigProblem& p : result.problems) {
    const std::string suggestion = p.suggestion.empty() ? "" : "; " + p.suggestion;
    out.push_back(std::to_string(p.line) + ":" + std::to_string(p.column) + " " + p.message + suggestion);
  }
  return out;
}

// The smallest configuration that is good; line 5 is the service, line 7 the route.
inline constexpr std::string_view kSmall =
    "listeners:\n"                                              // 1
    "  - address: 127.0.0.1:8080\n"                             // 2
    "regions: { eu: {}, us: {} }\n"                             // 3
    "services:\n"                                               // 4
    "  shop: { origins: { eu: \"http://127.0.0.1:9001\" } }\n"  // 5
    "routes:\n"                                                 // 6
    "  - { name: all, service: shop }\n";                       // 7

// kSmall with one of its lines replaced by another text.
inline std::string SmallWith(int line, const std::string& text) {
  std::istringstream in{std::string(kSmall)};
  std::string out, each;
  for (int i = 1; std::getline(in, each); ++i) out += (i == line ? text : each) + "\n";
  return out;
}

inline std::string SmallAnd(const std::string& text) { return std::string(kSmall) + text + "\n"; }

inline Model ModelOf(const std::string& text) {
  const ConfigResult result = Parse(text);
  EXPECT_THAT(Problems(result), IsEmpty());
  return result.config ? *result.config->model : Model{};
}

struct Slip {
  const char* story;
  std::string text;
  std::vector<std::string> problems;
};

inline void PrintTo(const Slip& slip, std::ostream* out) { *out << slip.story; }

inline void ExpectFound(const Slip& slip) {
  const ConfigResult result = Parse(slip.text);
  EXPECT_FALSE(result.config);
  EXPECT_THAT(Problems(result), testing::ElementsAreArray(slip.problems)) << slip.text;
  for (const ConfigProblem& problem : result.problems) EXPECT_EQ(problem.file, "edge.yaml");
}

inline std::string SlipName(const testing::TestParamInfo<Slip>& info) { return info.param.story; }

inline std::string Service(const std::string& keys) {
  return SmallWith(5, "  shop: { origins: { eu: 'http://a' }, " + keys + " }");
}
inline std::string Origin(const std::string& url) { return SmallWith(5, "  shop: { origins: { eu: '" + url + "' } }"); }
inline std::string Route(const std::string& keys) { return SmallWith(7, "  - { name: all, " + keys + " }"); }

}  // namespace meridian
