// The request path must not touch the heap. This file counts every call of operator new of the test program.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "meridian/message.h"
#include "policy/breaker.h"
#include "policy/latency_window.h"
#include "policy/retry_budget.h"
#include "policy/weighted_pick.h"
#include "policy/world.h"

namespace {
std::atomic<uint64_t> allocations{0};

void* CountedAllocation(std::size_t size) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(size ? size : 1);
}
}  // namespace

// Never inlined: the compiler would see malloc on one side only and warn of a mismatch.
[[gnu::noinline]] void* operator new(std::size_t size) {
  if (void* memory = CountedAllocation(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  return CountedAllocation(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }

namespace meridian {
namespace {

using testing::World;

template <typename Work>
uint64_t AllocationsOf(Work work) {
  uint64_t before = allocations.load();
  work();
  return allocations.load() - before;
}

TEST(RequestPath, RoutingAndPlanningDoNotAllocate) {
  World world(8);
  world.Dials({0.5, 0.5, 1, 0, 1, 1, 1, 1}).ProbesDown(2).Breaker(4, BreakerState::kRamp, 0.25);
  world.AddRoute("*.example", "/api", {{0, 9}, {0, 1}});
  RouteConditions conditions;
  conditions.query = {{"a name", TextCondition::Kind::kExact, "a value that is longer than a short string", nullptr}};
  conditions.cookies = {{"beta", TextCondition::Kind::kPrefix, "1", nullptr}};
  world.AddRoute("*.example", "/api", {{0, 1}});
  world.model().routes.back().conditions = std::make_shared<RouteConditions>(std::move(conditions));
  world.snapshot().route_order = OrderRoutes(world.model().routes);
  const Snapshot& snapshot = world.snapshot();
  Arena arena;
  HeaderBlock headers(&arena);
  headers.Add("cookie", "alpha=2; beta=1");
  LowDiscrepancySequence arms(1), regions(2);
  EXPECT_EQ(AllocationsOf([&] {
              for (uint32_t i = 0; i < 1000; ++i) {
                const char* target =
                    i % 2 ? "/api/x?y" : "/api/x?%61+name=a+value%20that+is+longer+than+a+short+string";
                int route = MatchRoute(snapshot.model->routes, snapshot.route_order,
                                       {.authority = "a.example:443", .target = target, .headers = &headers});
                ASSERT_EQ(route, i % 2 ? 1 : 2);
                auto index = static_cast<uint16_t>(route);
                int arm = PickArm(snapshot.routes[index], {}, arms.Next());
                Plan plan = BuildPlan(snapshot, index, static_cast<uint16_t>(arm), {}, i % 2 ? 4 : -1, regions.Next());
                PickOrigin(snapshot.services[plan.service].regions[plan.steps[0].region], i);
              }
            }),
            0u);
}

TEST(RequestPath, TheSmallStatesDoNotAllocate) {
  Breaker breaker({}, 1);
  RetryBudget budget;
  LatencyWindow window;
  EXPECT_EQ(AllocationsOf([&] {
              for (int i = 0; i < 1000; ++i) {
                TimePoint now{1000s + 10ms * i};
                breaker.OnSignal(i % 7 ? Signal::kSuccess : Signal::kFailure, 1, false, now);
                budget.OnFirstAttempt(now);
                window.Add(5ms, now);
                window.AutoTimeout(now);
              }
            }),
            0u);
}

TEST(RequestPath, TheArenaOfAUsualExchangeComesFromTheFreeList) {
  auto exchange = [] {
    Arena arena;
    HeaderBlock headers(&arena);
    for (int i = 0; i < 30; ++i) headers.AddCopy("x-header-name", "and a value of usual length");
    ASSERT_EQ(arena.footprint(), Arena::kChunk);
  };
  exchange();
  EXPECT_EQ(AllocationsOf([&] {
              for (int i = 0; i < 1000; ++i) exchange();
            }),
            0u);
}

TEST(RequestPath, TheFreeListKeepsAtMost256Chunks) {
  auto burst = [](size_t arenas) {
    std::vector<std::unique_ptr<Arena>> many;
    many.reserve(arenas);
    uint64_t before = allocations.load();
    uint64_t own = 0;
    for (size_t i = 0; i < arenas; ++i) {
      many.push_back(std::make_unique<Arena>());
      ++own;  // the Arena object itself
      many.back()->Copy("x");
    }
    return allocations.load() - before - own;
  };
  burst(600);
  EXPECT_EQ(burst(600), 600u - 256u);
  EXPECT_EQ(burst(256), 0u);
}

}  // namespace
}  // namespace meridian
