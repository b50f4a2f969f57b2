#include "server/demo_origins.h"

#include <future>

#include "server/demo_origin.h"

namespace meridian {

std::unique_ptr<DemoOrigins> DemoOrigins::Open(std::string* error) {
  std::unique_ptr<DemoOrigins> self(new DemoOrigins);
  for (size_t s = 0; s < kDemoServices.size(); ++s) {
    for (size_t r = 0; r < kDemoServices[s].regions; ++r) {
      auto origin =
          std::make_unique<DemoOrigin>(self->loop_, self->limits_, self->timeouts_, kDemoRegions[r], kDemoServices[s]);
      if (!origin->Open(error)) return nullptr;
      self->ports_[s].push_back(origin->port());
      self->services_[s].push_back(std::move(origin));
    }
  }
  self->thread_ = std::thread([raw = self.get()] { raw->Run(); });
  return self;
}

DemoOrigins::~DemoOrigins() {
  loop_.Stop();
  if (thread_.joinable()) thread_.join();
}

void DemoOrigins::Run() {
  loop_.Run();
  // Connections hold memory of this thread: they end on it.
  for (auto& origins : services_) origins.clear();
  loop_.RunTurn(false);
}

bool DemoOrigins::SetFault(size_t region, DemoFault fault) {
  std::promise<bool> done;
  loop_.Post([&] { done.set_value(Apply(region, fault)); });
  return done.get_future().get();
}

bool DemoOrigins::Apply(size_t region, DemoFault fault) {
  bool applied = true;
  for (auto& origins : services_) {
    if (region < origins.size()) applied &= origins[region]->SetFault(fault);
  }
  return applied;
}

uint16_t DemoOrigins::port(size_t service, size_t region) const { return ports_[service][region]; }

}  // namespace meridian
