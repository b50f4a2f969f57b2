#include "policy/address_memory.h"

#include <gtest/gtest.h>

#include <string>

namespace meridian {
namespace {

// An address per letter; capitals are of the other family.
Endpoint At(char name) {
  Endpoint endpoint;
  endpoint.ip[0] = static_cast<uint8_t>(name);
  endpoint.v6 = name < 'a';
  endpoint.port = 80;
  return endpoint;
}

class AddressMemoryTest : public ::testing::Test {
 protected:
  void Set(const std::string& names) {
    std::vector<Endpoint> addresses;
    for (char name : names) addresses.push_back(At(name));
    memory_.SetAddresses(addresses);
  }
  // The names in the order in which one connection would try them.
  std::string Order() {
    std::string names;
    std::vector<Endpoint> tried;
    while (const Endpoint* next = memory_.Next(tried, now_)) {
      tried.push_back(*next);
      names += static_cast<char>(next->ip[0]);
    }
    return names;
  }
  std::string Firsts(int n) {
    std::string names;
    for (int i = 0; i < n; ++i) names += static_cast<char>(memory_.Next({}, now_)->ip[0]);
    return names;
  }
  void Fail(char name) { memory_.OnFailed(At(name), now_); }
  void Work(char name) { memory_.OnWorked(At(name), now_); }

  AddressMemory memory_;
  TimePoint now_{};
};

TEST_F(AddressMemoryTest, AddressesTakeTurnsToBeTheFirst) {
  Set("abc");
  EXPECT_EQ(Firsts(6), "abcabc");
}

TEST_F(AddressMemoryTest, FamiliesAreInterleavedAfterTheFirst) {
  Set("abAB");
  EXPECT_EQ(Order(), "aAbB");
  EXPECT_EQ(Order(), "bAaB");
  EXPECT_EQ(Order(), "AaBb");
}

TEST_F(AddressMemoryTest, OneThatFailedComesLastForAWhileAndIsNeverGivenUp) {
  Set("abc");
  Fail('a');
  EXPECT_EQ(Firsts(4), "bcbc");
  EXPECT_EQ(Order(), "bca");
  now_ += AddressMemory::kFirstRest;
  EXPECT_EQ(Firsts(3).find('a') != std::string::npos, true) << "it gets another chance";
}

TEST_F(AddressMemoryTest, EachFurtherFailureDoublesItsRestUpToALimit) {
  Set("ab");
  for (Duration rest = AddressMemory::kFirstRest; rest < 4 * AddressMemory::kLongestRest; rest *= 2) {
    Fail('a');
    now_ += std::min(rest, AddressMemory::kLongestRest) - 1ms;
    EXPECT_EQ(Firsts(2), "bb");
    now_ += 1ms;
    EXPECT_NE(Firsts(2), "bb");
  }
  Work('a');
  Fail('a');
  now_ += AddressMemory::kFirstRest;
  EXPECT_NE(Firsts(2), "bb") << "it had worked in between";
}

TEST_F(AddressMemoryTest, WhatManyConnectionsFindOutAtTheSameTimeIsOneFailure) {
  Set("ab");
  for (int i = 0; i < 50; ++i) Fail('a');
  now_ += AddressMemory::kFirstRest;
  EXPECT_NE(Firsts(2), "bb");
}

TEST_F(AddressMemoryTest, WhoWaitsAlreadyGetsWhatIsKnownToWork) {
  Set("abcd");
  Work('d');
  EXPECT_EQ(Order(), "adbc");
}

TEST_F(AddressMemoryTest, WhenAllHaveFailedTheOneThatRestedLongestIsFirst) {
  Set("abc");
  for (char name : {'b', 'c', 'a'}) {
    Fail(name);
    now_ += 1s;
  }
  EXPECT_EQ(Order(), "bca");
}

TEST_F(AddressMemoryTest, AnotherAnswerOfTheNameKeepsWhatIsKnown) {
  Set("ab");
  Fail('a');
  Set("xa");
  EXPECT_EQ(Order(), "xa");
  EXPECT_FALSE(memory_.Contains(At('b')));
  Fail('b');  // a connection that had begun before
  EXPECT_EQ(Order(), "xa");
}

TEST_F(AddressMemoryTest, WithoutAddressesThereIsNothingToTry) { EXPECT_EQ(memory_.Next({}, now_), nullptr); }

TEST_F(AddressMemoryTest, NoMoreAddressesAreTriedThanAllowed) {
  std::string many;
  for (int i = 0; i < 100; ++i) many += static_cast<char>(i);
  Set(many);
  EXPECT_EQ(Order().size(), AddressMemory::kMost);
}

}  // namespace
}  // namespace meridian
