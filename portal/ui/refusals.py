"""What a page says when an action was refused, or went wrong in the portal itself."""

from __future__ import annotations

import logging

from portal.domain.errors import PortalError
from portal.ui import html
from portal.ui.components.basics import failure

log = logging.getLogger(__name__)


def refusal(error: Exception) -> html.Div:
    """The message of an expected error; an unexpected one is logged and owned up to."""
    if isinstance(error, PortalError):
        return failure(error.message, error.advice)
    log.error("a callback failed", exc_info=error)
    return failure(
        "Something went wrong in the portal itself.", "Try again; its log says what happened."
    )
