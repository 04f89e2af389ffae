"""The content of dialogs that preview a change."""

from __future__ import annotations

from collections.abc import Awaitable

from msgspec.structs import replace

from portal.domain.errors import PortalError
from portal.domain.proposals import Proposal
from portal.threads import in_thread
from portal.ui.components.basics import Node
from portal.ui.components.preview import CHECKING, preview, waiting
from portal.ui.encoding import plain
from portal.ui.refusals import refusal
from portal.viewmodels.model import Notice
from portal.viewmodels.preview import preview_view

PreviewContent = tuple[Node, bool, int | None]
"""The content, whether the dialog's button is disabled, and the revision that was previewed."""


async def preview_content(asked: Awaitable[Proposal] | None, *ahead: Notice) -> PreviewContent:
    """Render the preview of a proposal, with the notices ``ahead`` first; else the error.

    An error disables the button, unless it is one in the portal itself. Without a proposal it
    is what a dialog shows while it waits for one.
    """
    if asked is None:
        return waiting(CHECKING), True, None
    try:
        proposal = await asked

        def made() -> tuple[Node, bool]:
            view = preview_view(proposal)
            words = (*ahead, *view.words)
            return plain(preview(replace(view, words=words))), not view.possible

        return *await in_thread(made), proposal.since
    except Exception as error:
        return refusal(error), isinstance(error, PortalError), None
