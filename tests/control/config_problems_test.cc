// How problems are shown: all of them, readable, with their place, for people and for machines.
#include <nlohmann/json.hpp>

#include "control/config_texts.h"

namespace meridian {
namespace {

TEST(ConfigProblems, AFileWithManySlipsIsListedWhole) {
  const ConfigResult result = ParseConfig(ReadText(kFixtures + "/broken.yaml"), "broken.yaml", kFixtures);
  std::string all;
  for (const ConfigProblem& problem : result.problems) all += FormatProblem(problem);
  EXPECT_EQ(all, ReadText(kFixtures + "/broken.expected"));
}

TEST(ConfigProblems, CertificatesMustBeThere) {
  const ConfigResult result =
      Parse(SmallWith(2, "  - { address: '127.0.0.1:80', tls: { certificate: none.pem, key: . } }"));
  EXPECT_THAT(Problems(result),
              ElementsAre(HasSubstr("2:52 'certificate' cannot be read: '"), HasSubstr("it is a folder")));
  EXPECT_THAT(result.problems.at(0).message, HasSubstr("none.pem': No such file or directory"));
}

TEST(ConfigProblems, CountsAreBounded) {
  std::string many = "regions: { eu: {}, us: {}";
  for (int i = 0; i < 64; ++i) many += ", r" + std::to_string(i) + ": {}";
  EXPECT_THAT(Problems(Parse(SmallWith(3, many + " }"))), ElementsAre(HasSubstr("more than 64 regions")));
  std::string urls;
  for (int i = 1; i <= 33; ++i) urls += "'http://a:" + std::to_string(i) + "', ";
  EXPECT_THAT(Problems(Parse(SmallWith(5, "  shop: { origins: { eu: [" + urls + "] } }"))),
              ElementsAre(HasSubstr("more than 32 origins in a region")));
  std::string routes(kSmall);
  for (size_t i = 0; i < kMaxRoutes; ++i) routes += "  - { name: r" + std::to_string(i) + ", service: shop }\n";
  EXPECT_THAT(Problems(Parse(routes)), ElementsAre("4103:5 more than 4096 routes"));
}

TEST(ConfigProblems, TheListStaysReadableHoweverBadTheFile) {
  std::string text(kSmall);
  for (int i = 0; i < 5000; ++i) text += "x" + std::to_string(i) + ": 1\n";
  const ConfigResult result = Parse(text);
  ASSERT_EQ(result.problems.size(), 201u);
  EXPECT_EQ(result.problems.back().message, "more problems than are listed here");
}

TEST(ConfigProblems, TheCaretStandsUnderTheColumn) {
  EXPECT_EQ(FormatProblem({"conf/edge.yaml", 12, 5, "unknown key 'rout'", "did you mean 'routes'?", "    rout:"}),
            "conf/edge.yaml:12:5: error: unknown key 'rout'; did you mean 'routes'?\n    rout:\n    ^\n");
  EXPECT_EQ(FormatProblem({"a", 1, 4, "m", "", "é\tü: x"}), "a:1:4: error: m\né\tü: x\n \t ^\n");
  EXPECT_EQ(FormatProblem({"a", 0, 0, "m", "", ""}), "a: error: m\n");
}

TEST(ConfigProblems, ColumnsCountCharactersNotBytes) {
  const ConfigResult result = Parse(SmallAnd("edge: { \"nämé\": 1, nam: b }"));
  ASSERT_THAT(Problems(result), ElementsAre("8:9 unknown key 'nämé' in 'edge'",
                                            "8:20 unknown key 'nam' in 'edge'; did you mean 'name'?"));
  EXPECT_THAT(FormatProblem(result.problems[1]), HasSubstr("\n" + std::string(19, ' ') + "^\n"));
}

TEST(ConfigProblems, AVeryLongLineIsCutInTheExcerpt) {
  const ConfigResult result =
      Parse(SmallAnd("x: " + std::string(5000, 'y') + "\nedge: {" + std::string(5000, ' ') + "q: 1 }"));
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_EQ(result.problems[0].excerpt.size(), 240u);
  EXPECT_EQ(result.problems[1].excerpt, "") << "the place is not in what would be shown";
}

TEST(ConfigProblems, CanBeReadByMachines) {
  const auto json = nlohmann::json::parse(ProblemsToJson(Parse(SmallAnd("rout: \"ü\"")).problems));
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0]["file"], "edge.yaml");
  EXPECT_EQ(json[0]["line"], 8);
  EXPECT_EQ(json[0]["column"], 1);
  EXPECT_EQ(json[0]["message"], "unknown key 'rout' in the configuration");
  EXPECT_EQ(json[0]["suggestion"], "did you mean 'routes'?");
  EXPECT_EQ(json[0]["excerpt"], "rout: \"ü\"");
  EXPECT_EQ(ProblemsToJson({}), "[]");
  EXPECT_NO_THROW(nlohmann::json::parse(ProblemsToJson({{"\xFF.yaml", 0, 0, "m", "", ""}})));
}

}  // namespace
}  // namespace meridian
