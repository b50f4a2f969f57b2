// Texts that nobody wrote by mistake: the reader survives them, in bounded memory, and says what is wrong.
#include "control/config_texts.h"

namespace meridian {
namespace {

TEST(HostileConfig, CutAtAnyByteNeverBreaksTheReader) {
  for (const std::string& path : {kSource + "/conf/meridian.yaml", kFixtures + "/complete.yaml"}) {
    const std::string text = ReadText(path);
    for (size_t size = 0; size < text.size(); ++size) {
      const ConfigResult result = ParseConfig(std::string_view(text).substr(0, size), "cut.yaml", kFixtures);
      EXPECT_NE(result.config.has_value(), !result.problems.empty()) << size;
    }
  }
}

TEST(HostileConfig, WithAnyOneByteChangedNeverBreaksTheReader) {
  const std::string text = ReadText(kFixtures + "/complete.yaml");
  constexpr std::string_view kBytes("\0\n\t\"[}:%&\xFF\xC3", 11);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = kBytes[i % kBytes.size()];
    const ConfigResult result = ParseConfig(changed, "changed.yaml", kFixtures);
    EXPECT_NE(result.config.has_value(), !result.problems.empty()) << i;
  }
}

TEST(HostileConfig, ThatIsNotUtf8IsRefusedAtItsFirstBadByte) {
  for (const char* bad : {"\xFF", "\xC3", "\xC0\x80", "\xED\xA0\x80", "\xF5\x80\x80\x80", "\xE2\x82", "%\x80"}) {
    const ConfigResult result = Parse(SmallAnd("é: " + std::string(bad)));
    const int column = bad[0] == '%' ? 5 : 4;
    EXPECT_THAT(Problems(result), ElementsAre("8:" + std::to_string(column) + " invalid UTF-8"));
    EXPECT_THAT(result.problems.at(0).excerpt, testing::StartsWith("é: ")) << "and can be shown on a terminal";
    EXPECT_THAT(result.problems.at(0).excerpt, testing::EndsWith("?"));
  }
}

TEST(HostileConfig, WithControlCharactersIsRefused) {
  EXPECT_THAT(Problems(Parse(SmallAnd(std::string("a: \0b", 5)))), ElementsAre("8:4 control character"));
  const ConfigResult result = Parse(SmallAnd("a: \x1B[2J"));
  EXPECT_THAT(Problems(result), ElementsAre("8:4 control character"));
  EXPECT_EQ(result.problems.at(0).excerpt, "a: ?[2J");
  EXPECT_THAT(Problems(Parse(SmallAnd("a: \xC2\x9B"))), ElementsAre("8:4 control character"));
}

TEST(HostileConfig, AnEscapedControlCharacterDoesNotReachTheTerminal) {
  const ConfigResult result = Parse(SmallAnd("\"x\\e[2J\": 1"));
  EXPECT_THAT(Problems(result), ElementsAre("8:1 unknown key 'x?[2J' in the configuration"));
}

TEST(HostileConfig, OfMoreThanFourMebibytesIsRefused) {
  EXPECT_THAT(Problems(Parse(std::string(size_t{5} << 20, '#'))), ElementsAre("0:0 the file is larger than 4 MiB"));
}

TEST(HostileConfig, NestedWithoutEndIsRefused) {
  EXPECT_THAT(Problems(Parse("a: " + std::string(1 << 20, '['))),
              ElementsAre(HasSubstr("1:35 nested more than 32 deep")));
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "- ";
  EXPECT_THAT(Problems(Parse(text)), ElementsAre(HasSubstr("nested more than 32 deep")));
}

TEST(HostileConfig, OfNothingButListItemsIsBounded) {
  std::string text = "a:\n";
  for (int i = 0; i < 1'000'000; ++i) text += "- a\n";
  EXPECT_THAT(Problems(Parse(text)), ElementsAre(HasSubstr("more than 400000 values")));
}

TEST(HostileConfig, PrintsNothingByItself) {
  testing::internal::CaptureStderr();
  testing::internal::CaptureStdout();
  for (const char* text :
       {"a: [1\nb: 2", "%YAML 3.0\n---\na: 1", "a: {b: [}", "a: b: c", "}", "? - a\n b", "\"", "*a"}) {
    EXPECT_FALSE(Parse(text).config);
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
}

}  // namespace
}  // namespace meridian
