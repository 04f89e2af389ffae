"""The notice for an action that was refused or failed."""

from __future__ import annotations

import logging

from portal.domain.errors import PortalError
from portal.ui import html
from portal.ui.components.basics import failure

log = logging.getLogger(__name__)


def refusal(error: Exception) -> html.Div:
    """The notice of an error; unexpected ones are logged and reported as internal errors."""
    if isinstance(error, PortalError):
        return failure(error.message, error.advice)
    log.error("a callback failed", exc_info=error)
    return failure(
        "An internal error occurred in the portal.", "Try again. The portal's log has the details."
    )
