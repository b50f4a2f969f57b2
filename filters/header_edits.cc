#include "filters/header_edits.h"

namespace meridian {

std::vector<HeaderEditor::Edit> HeaderEditor::Compile(const HeaderEdits::Fields& fields) {
  std::vector<Edit> edits;
  for (const auto& [name, value] : fields) edits.push_back({name, IdentifyHeader(name), ValueTemplate(value)});
  return edits;
}

HeaderEditor::HeaderEditor(const HeaderEdits& edits)
    : remove_(edits.remove), set_(Compile(edits.set)), add_(Compile(edits.add)) {}

void HeaderEditor::Apply(HeaderBlock& headers, const StreamContext& context) const {
  for (const std::string& name : remove_) headers.RemoveNamed(name);
  for (const Edit& edit : set_) {
    headers.RemoveNamed(edit.name);
    headers.Add(edit.name, edit.value.Render(context, *headers.arena()), edit.id);
  }
  for (const Edit& edit : add_) {
    headers.Add(edit.name, edit.value.Render(context, *headers.arena()), edit.id);
  }
}

std::optional<LocalReply> RequestHeaders::OnRequest(RequestHead& request, StreamContext& context) const {
  editor_.Apply(request.headers, context);
  return std::nullopt;
}

void ResponseHeaders::OnResponse(ResponseHead& response, StreamContext& context) const {
  editor_.Apply(response.headers, context);
}

}  // namespace meridian
