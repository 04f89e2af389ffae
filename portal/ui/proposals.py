"""How a dialog comes by what it says of a change that nobody has made yet."""

from __future__ import annotations

from collections.abc import Awaitable

from msgspec.structs import replace

from portal.aside import aside
from portal.domain.errors import PortalError
from portal.domain.revisions import Proposal
from portal.ui.components.basics import Node
from portal.ui.components.preview import preview
from portal.ui.encoding import plain
from portal.ui.refusals import refusal
from portal.viewmodels.model import Notice
from portal.viewmodels.preview import preview_view

Shown = tuple[Node, bool, int | None]
"""What to show, whether the dialog's button is disabled, and what revision this starts from."""


async def shown(asked: Awaitable[Proposal], *ahead: Notice) -> Shown:
    """The proposal in words and differences, or why there is none; with ``ahead`` before it.

    What cannot be proposed cannot be done either, unless the portal itself is at fault.
    """
    try:
        proposal = await asked

        def made() -> tuple[Node, bool]:
            view = preview_view(proposal)
            words = (*ahead, *view.words)
            return plain(preview(replace(view, words=words))), not view.possible

        return *await aside(made), proposal.since
    except Exception as error:
        return refusal(error), isinstance(error, PortalError), None
