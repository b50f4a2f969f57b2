#include "control/text_pattern.h"

#include <gtest/gtest.h>

namespace meridian {
namespace {

bool Matches(std::string_view pattern, std::string_view text) {
  std::string complaint;
  const auto compiled = CompilePattern(pattern, &complaint);
  EXPECT_TRUE(compiled) << pattern << " " << complaint;
  return compiled && compiled->MatchesWhole(text);
}

TEST(TextPattern, MatchesWholeTextsOnly) {
  EXPECT_TRUE(Matches("/items/[0-9]+", "/items/12"));
  EXPECT_FALSE(Matches("/items/[0-9]+", "/items/12/"));
  EXPECT_FALSE(Matches("/items/[0-9]+", "/x/items/12"));
  EXPECT_TRUE(Matches("a|b", "b")) << "an alternative is part of the whole";
  EXPECT_FALSE(Matches("a|b", "ab"));
  EXPECT_TRUE(Matches("(?i)bot.*", "Bot/1"));
}

TEST(TextPattern, TakesBytesThatAreNoCharacters) {
  EXPECT_TRUE(Matches("a.b",
                      "a\xFF"
                      "b"));
  EXPECT_TRUE(Matches("a.*", "a\n\xC3")) << "every byte is a character";
  EXPECT_TRUE(Matches("é", "é"));
}

TEST(TextPattern, SaysWhatIsWrong) {
  const auto complaint = [](const std::string& pattern) {
    std::string text;
    EXPECT_FALSE(CompilePattern(pattern, &text));
    return text;
  };
  EXPECT_EQ(complaint("a("), "is no regular expression: missing ): a(");
  EXPECT_EQ(complaint("(?=a)"), "is no regular expression: invalid perl operator: (?=");
  EXPECT_EQ(complaint("(a)\\1"), "is no regular expression: invalid escape sequence: \\1");
  EXPECT_EQ(complaint("(x{1000}){3}"), "is no regular expression: invalid repetition size: {3}");
  std::string large;
  for (int i = 0; i < 140; ++i) large += "a{999}";
  EXPECT_EQ(complaint(large), "is no regular expression: pattern too large - compile failed");
  EXPECT_EQ(complaint(std::string(1025, 'a')), "is longer than 1024 bytes");
}

TEST(TextPattern, TellsWhereItsTextsLie) {
  std::string complaint;
  const auto items = CompilePattern("/items/[0-9]+", &complaint);
  ASSERT_TRUE(items->range());
  EXPECT_TRUE(items->range()->Holds("/items/7"));
  EXPECT_FALSE(items->range()->Holds("/item"));
  EXPECT_FALSE(items->range()->Holds("/other"));
  EXPECT_TRUE(items->range()->HoldsBegin("/"));
  EXPECT_FALSE(items->range()->HoldsBegin("i"));
  EXPECT_FALSE(CompilePattern(".*x", &complaint)->range()) << "any text may begin so";
  EXPECT_GT(CompilePattern("(a{30}|b{30}){20}", &complaint)->StepsPerByte(), 500u);
  EXPECT_LT(items->StepsPerByte(), 30u);
}

// What takes a backtracking engine longer than the universe has left.
TEST(TextPattern, TakesLinearTimeWhateverTheClientSends) {
  EXPECT_FALSE(Matches("(a*)*b", std::string(60'000, 'a')));
  EXPECT_FALSE(Matches("(a|aa)+b", std::string(60'000, 'a')));
}

}  // namespace
}  // namespace meridian
