// Text from a stranger that a person will read: a name, an e-mail, a label.
#pragma once

#include <string_view>

namespace keyfold::invitation {

/// True for UTF-8 without control characters, so that nothing can steer a terminal.
[[nodiscard]] bool is_plain_text(std::string_view text);

}  // namespace keyfold::invitation
