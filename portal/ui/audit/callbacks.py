"""The callback of the audit trail: the check of its chain."""

from __future__ import annotations

from dash import Input, Output, no_update

from portal.audit.query import AuditQuery
from portal.domain.errors import PortalError
from portal.ui import ids
from portal.ui.audit.sight import sight
from portal.ui.callbacks import Callbacks
from portal.ui.components.basics import Node, failure, notice
from portal.ui.context import UiContext
from portal.viewmodels.model import Notice, Severity


def register(app: Callbacks, context: UiContext) -> None:
    """Add the callback that checks the chain."""

    @app.callback(
        Output(ids.AUDIT_VERDICT, "children"),
        Input(ids.AUDIT_VERIFY, "n_clicks"),
        prevent_initial_call=True,
    )
    async def verify(clicks: int | None) -> Node:
        if not clicks:
            return no_update
        identity = context.identity()
        if why := sight(context, identity, AuditQuery(), everyone=True, key=None).why:
            return failure(why)
        try:
            verdict = await context.trail.verify()
        except PortalError as error:
            return failure(error.message, error.advice)
        if verdict.problems:
            words = " ".join(verdict.problems)
            return notice(Notice(Severity.BAD, "The chain is not whole.", words))
        words = (
            f"All {verdict.entries:,} entries follow each other; the last hash is {verdict.hash}."
        )
        return notice(Notice(Severity.GOOD, "The chain is whole.", words))
