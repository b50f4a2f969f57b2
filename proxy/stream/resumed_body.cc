#include "stream/resumed_body.h"

#include <algorithm>

namespace meridian {

ResumedBody::ResumedBody(Loop& loop, ResumedBodySink& sink, uint64_t total, std::string_view etag)
    : sink_(sink), total_(total), etag_(etag), hook_(loop, Bind<&ResumedBody::OnHook>(this)) {
  pipe_.set_writer(this);
}

void ResumedBody::Attach(BodyPipe& source) {
  source_ = &source;
  broke_ = false;
  source.set_reader(this);
  Pump();
}

void ResumedBody::Pump() {
  if (!source_) return;
  if (!pipe_.backlogged() && source_->size() > 0) {
    source_->MoveTo(std::min<size_t>(source_->size(), BodyPipe::kHighWater - pipe_.size()), pipe_);
  }
  if (source_->size() > 0) return;
  if (source_->finished() && !owes()) {
    // Those of a part are not those of the whole.
    const HeaderBlock trailers = continuations == 0 ? source_->trailers() : HeaderBlock();
    Detach();
    return pipe_.FinishWithTrailers(trailers);
  }
  if (!broke_) return;
  Detach();
  hook_.NextTurn();
}

void ResumedBody::SourceBroke() {
  broke_ = true;
  if (source_) return Pump();
  hook_.NextTurn();  // it never had one: the continuation failed before its head
}

void ResumedBody::Cut() {
  Detach();
  pipe_.Fail();
}

void ResumedBody::Stop() {
  hook_.Cancel();
  Detach();
}

void ResumedBody::Detach() {
  if (source_) source_->RemoveReader(this);
  source_ = nullptr;
}

}  // namespace meridian
