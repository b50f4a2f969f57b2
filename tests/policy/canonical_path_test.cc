#include "policy/canonical_path.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "policy/route_match.h"

namespace meridian {
namespace {

constexpr PathPolicy kNormalize = PathPolicy::kNormalize;

std::string Canonical(std::string_view target, PathPolicy policy = kNormalize) {
  Arena arena;
  const auto out = CanonicalTarget(target, policy, arena);
  return out ? std::string(*out) : "refused";
}

TEST(CanonicalPath, UsualPathsStayTheViewTheyAreAndTakeNoMemory) {
  for (std::string_view path :
       {"/", "/a", "/a/", "/api/items/42?page=1", "/.well-known/x", "/a.b/..c/.../x.", "/a;v=1/b", "/%E2%82%AC/%25/%20",
        "/a?x=/../b//c%2e%zz\\", "*", "/~user/-_.", "/a:b@c!$&'()*+,="}) {
    Arena arena;
    const auto out = CanonicalTarget(path, kNormalize, arena);
    ASSERT_TRUE(out) << path;
    EXPECT_EQ(out->data(), path.data()) << path;
    EXPECT_EQ(*out, path);
    EXPECT_EQ(arena.footprint(), 0u) << path;
  }
}

std::string Routed(std::string_view target, PathPolicy policy = kNormalize) {
  Arena arena;
  return std::string(RoutedTarget(target, policy, arena));
}

TEST(CanonicalPath, EachPathHasOneSpelling) {
  const std::pair<const char*, const char*> cases[] = {
      {"/%61%7E%2d", "/a~-"},
      {"/%e2%82%ac", "/%E2%82%AC"},
      {"/a/./b/../c", "/a/c"},
      {"/a/b/..", "/a/"},
      {"/a/.", "/a/"},
      {"/a/..", "/"},
      {"/.", "/"},
      {"//", "/"},
      {"//a///b//", "/a/b/"},
      {"/a//../b", "/b"},
      {"/a/%2e%2E/b", "/b"},
      {"/a/.%2e/b", "/b"},
      {"/a/%2e/b?q=%2e/..", "/a/b?q=%2e/.."},
      {"/a/..?x", "/?x"},
      {"/%252e%252e/a", "/%252e%252e/a"},
      {"/%25%32%65/a", "/%252e/a"},
      {"/group%2fproject", "/group%2Fproject"},
      {"/a%5cb", "/a%5Cb"},
      {"/a%2F.b/..c%2F", "/a%2F.b/..c%2F"},
      {"/..;/a", "/..;/a"},
      {"/...%2F", "/...%2F"},
      {"/%40admin", "/@admin"},
      {"/v1%3Arun", "/v1:run"},
      {"/v1%3arun", "/v1:run"},
      {"/%21%24%26%27%28%29%2A%2C%3D", "/!$&'()*,="},
      {"/a|b", "/a%7Cb"},
      {"/a%7cb", "/a%7Cb"},
      {"/\"<>[]^`{}", "/%22%3C%3E%5B%5D%5E%60%7B%7D"},
      {"/caf\xC3\xA9", "/caf%C3%A9"},
      {"/a%2bb%3bc", "/a%2Bb%3Bc"},
      {"/a+b;c", "/a+b;c"},
      {"/|||?|", "/%7C%7C%7C?|"},
  };
  for (const auto& [path, canonical] : cases) EXPECT_EQ(Canonical(path), canonical) << path;
}

TEST(CanonicalPath, WhatHasNoSafeReadingIsRefused) {
  for (const char* path :
       {"/..",        "/../a",       "/a/../..",     "/a/../../b", "//..",           "/%2e%2e",     "/.%2E/x",
        "/%",         "/%4",         "/%zz",         "/a%2",       "/%4g",           "/%00",        "/a%00b",
        "/a\\b",      "/\\..",       "/a%2F..",      "/..%2Fa",    "/x/..%2f..%2fa", "/a%5c..%5cb", "/.%2Fa",
        "/a%2F.%2Fb", "/%2e%2e%2fa", "/a%2F../../b", "/a/%2?x=y"}) {
    EXPECT_EQ(Canonical(path), "refused") << path;
    EXPECT_EQ(Canonical(path, PathPolicy::kStrict), "refused") << path;
    EXPECT_EQ(Canonical(path, PathPolicy::kAsIs), path);
  }
}

// A guard must not be passed by another spelling of what it guards, nor may an origin get another one than the client
// sent where it may tell them apart.
TEST(CanonicalPath, RoutesReadAVisibleCharacterHoweverItIsWritten) {
  EXPECT_EQ(Routed("/a%7Cb"), "/a|b");
  EXPECT_EQ(Routed("/a%2Bb%3Bc?%7C"), "/a+b;c?%7C");
  EXPECT_EQ(Routed("/%22%3C%3E%5B%5D%5E%60%7B%7D"), "/\"<>[]^`{}");
  for (const char* same : {"/a%2Fb", "/a%5Cb", "/a%25b", "/a%3Fb", "/a%23b", "/a%20b", "/%C3%A9", "/%7F", "*", "/"}) {
    EXPECT_EQ(Routed(same), same);
  }
  EXPECT_EQ(Routed("/a%7Cb%2Bc", PathPolicy::kAsIs), "/a%7Cb%2Bc");
}

TEST(CanonicalPath, StrictTakesNoEncodedSlashes) {
  for (const char* path : {"/a%2Fb", "/a%2fb", "/a%5Cb", "/%5c"}) {
    EXPECT_EQ(Canonical(path, PathPolicy::kStrict), "refused") << path;
  }
  EXPECT_EQ(Canonical("/a/./%62?x=%2F", PathPolicy::kStrict), "/a/b?x=%2F");
}

// Random paths over what matters: whatever comes out is canonical, has no dots left to follow, and is routed as the
// path that came in would be after it.
TEST(CanonicalPath, IsItsOwnCanonicalPathWhateverWentIn) {
  const char* const pieces[] = {"/",   "/",   "/",   ".",   "..",  "a", "b",   "%2e", "%2E", "%2f", "%5C", "%61",
                                "%41", "%25", "%c3", "2e",  "%",   ";", "?",   "\\",  "%00", "/..", "/./", "//",
                                "@",   "%40", "|",   "%7c", "%7C", "+", "%2B", "%3b", "%3A", "\xC3"};
  std::mt19937 random(7);
  int taken = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string path = "/";
    for (size_t n = random() % 10; n > 0; --n) path += pieces[random() % std::size(pieces)];
    for (PathPolicy policy : {kNormalize, PathPolicy::kStrict}) {
      const std::string once = Canonical(path, policy);
      if (once == "refused") continue;
      ++taken;
      ASSERT_EQ(Canonical(once, policy), once) << path;
      const std::string plain = once.substr(0, once.find('?'));
      const std::string fenced = plain + "/";
      ASSERT_EQ(plain.front(), '/') << path;
      ASSERT_EQ(fenced.find("/../"), std::string::npos) << path;
      ASSERT_EQ(fenced.find("/./"), std::string::npos) << path;
      ASSERT_EQ(plain.find("//"), std::string::npos) << path;
      const std::string routed = Routed(once, policy);
      ASSERT_EQ(Canonical(routed, policy) == "refused", false) << path;
      ASSERT_EQ(Routed(Canonical(routed, policy), policy), routed) << path;
      ASSERT_EQ(once.substr(plain.size()), path.find('?') == std::string::npos ? "" : path.substr(path.find('?')));
    }
  }
  EXPECT_GT(taken, 50'000);
}

}  // namespace
}  // namespace meridian
