// A bound member function without allocation: what hooks, timers and watches call.
//
// REQUIRES: the object outlives the hook, timer or watch that holds the callback; members of the same object do.
#pragma once

namespace meridian {

struct Callback {
  void (*function)(void*) = nullptr;
  void* object = nullptr;
  void operator()() const { function(object); }
};

// Bind<&Worker::OnTick>(this)
template <auto Method, typename T>
Callback Bind(T* object) {
  return {[](void* p) { (static_cast<T*>(p)->*Method)(); }, object};
}

}  // namespace meridian
