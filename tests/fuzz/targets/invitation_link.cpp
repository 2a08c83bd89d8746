// store/invitation/link: what a person pastes.
#include "store/invitation/link.hpp"
#include "tests/fuzz/target.hpp"

KEYFOLD_FUZZ_TARGET(invitation_link) {
  using namespace keyfold;
  const auto text = as_text(data);
  const auto link = invitation::parse_link(text);
  const auto address = invitation::parse_address(text);
  const auto invited = invitation::parse_invitation(text);
  fuzz::require(address.has_value() + invited.has_value() <= (link ? 1 : 0),
                "a link is of one sort");
  if (!link) return;
  fuzz::require(std::visit([](const auto& l) { return invitation::format(l); }, *link) == text,
                "a link has one spelling");
  fuzz::require(text.find_first_of(std::string("\0\n\r \t", 5)) == std::string_view::npos,
                "a link has no spaces");
}
