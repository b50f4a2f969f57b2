#include "filters/header_edits.h"

namespace meridian {
namespace {

// In every spelling: what an operator takes away is not to come back as `x_debug`.
void RemoveField(HeaderBlock& headers, std::string_view name) {
  headers.RemoveIf([&](const Header& h) { return IsSameField(h.name, name); });
}

}  // namespace

std::vector<HeaderEditor::Edit> HeaderEditor::Compile(const HeaderEdits::Fields& fields) {
  std::vector<Edit> edits;
  for (const auto& [name, value] : fields) edits.push_back({name, IdentifyHeader(name), ValueTemplate(value)});
  return edits;
}

HeaderEditor::HeaderEditor(const HeaderEdits& edits)
    : remove_(edits.remove), set_(Compile(edits.set)), add_(Compile(edits.add)) {}

void HeaderEditor::Apply(HeaderBlock& headers, const StreamContext& context) const {
  Guard(headers);
  for (const Edit& edit : set_) {
    headers.Add(edit.name, edit.value.Render(context, *headers.arena()), edit.id);
  }
  for (const Edit& edit : add_) {
    headers.Add(edit.name, edit.value.Render(context, *headers.arena()), edit.id);
  }
}

void HeaderEditor::Guard(HeaderBlock& trailers) const {
  for (const std::string& name : remove_) RemoveField(trailers, name);
  for (const Edit& edit : set_) RemoveField(trailers, edit.name);
}

std::optional<LocalReply> RequestHeaders::OnRequest(RequestHead& request, StreamContext& context) const {
  editor_.Apply(request.headers, context);
  return std::nullopt;
}

void ResponseHeaders::OnResponse(ResponseHead& response, StreamContext& context) const {
  editor_.Apply(response.headers, context);
}

}  // namespace meridian
