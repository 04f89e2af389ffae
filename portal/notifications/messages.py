"""The messages of the webhook, in the form that Slack and others take. Pure.

A channel is read by more people than an app's page, so that a message quotes neither errors of Helm
nor logs, which may hold values: it says what has happened, and links to the page.
"""

from __future__ import annotations

from portal.domain.keys import Key
from portal.domain.operations import Operation, OperationPhase
from portal.viewmodels.operation import by

Message = dict[str, str]
"""A body as Slack's incoming webhooks take it: ``{"text": "…"}``."""

_ENDS = {
    OperationPhase.SUCCEEDED: "has succeeded",
    OperationPhase.FAILED: "has failed",
    OperationPhase.INTERRUPTED: "was interrupted",
}


def operation_message(operation: Operation, public_url: str) -> Message | None:
    """Return the message of an operation that has ended; None for one that was cancelled."""
    end = _ENDS.get(operation.phase)
    if end is None:
        return None
    what = operation.verb.noun.capitalize()
    return _message(operation.key, f"{what}{escaped(by(operation.actor))} {end}.", public_url)


def trouble_message(key: Key, state: str, problem: str, public_url: str) -> Message:
    """Return the message of an app that needs attention: its headline and the problem."""
    same = problem.rstrip(".").casefold() == state.casefold()
    more = "" if same else f" {escaped(problem)}"
    return _message(key, f"Needs attention: {escaped(state)}.{more}", public_url)


def recovery_message(key: Key, state: str, public_url: str) -> Message:
    """Return the message of an app that needed attention and does not any more."""
    return _message(key, f"In order again: {escaped(state)}.", public_url)


def _message(key: Key, words: str, public_url: str) -> Message:
    base = public_url.rstrip("/")
    link = f" <{base}/apps/{key.namespace}/{key.name}|Open>" if base else ""
    return {"text": f"*{key.name}* in {key.namespace}: {words}{link}"}


def escaped(text: str) -> str:
    """Return ``text`` without anything that Slack takes for a mention, a link or markup."""
    for sign, code in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(sign, code)
    return text
