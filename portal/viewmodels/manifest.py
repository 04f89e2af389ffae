"""Rendered manifests as text for people, with all secrets hidden."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from portal.domain import yaml_text
from portal.domain.errors import PortalError
from portal.domain.manifests import Tree, objects
from portal.domain.secrets import SHORTEST, redacted, scrubbed, secret_texts, texts_kept_in
from portal.domain.truncation import truncated

_SECRET_DATA = ("data", "stringData")
MOST_SECRETS = 1_000
"""The most secret texts that are searched for and hidden."""
MOST = 512 * 1024
"""Characters of a manifest that are shown."""


def manifest_yaml(manifest: str, namespace: str, values: Mapping[str, object]) -> str:
    """The objects of a manifest as YAML, redacted; "" if there are none.

    Secrets in ``values`` are hidden wherever the chart uses them. The time grows with the manifest,
    so do not call this on the event loop.

    Raises:
        PortalError: the manifest cannot be read.
    """
    found = list(objects(manifest, namespace).values())
    secrets = secrets_of([values], found)
    shown = list[str]()
    left = MOST
    for tree in found:
        shown.append(yaml_text.readable(scrubbed(redacted(opened(tree)), secrets)))
        left -= len(shown[-1])
        if left < 0:
            break  # the rest is cut off anyway
    text = truncated("---\n".join(shown), MOST, "The manifest")
    more = len(found) - len(shown)
    return text if not more else f"{text} {more:,} more objects are not shown."


def opened(tree: Tree) -> Tree:
    """The object in a form in which redaction hides all of a Secret's data."""
    if tree.get("kind") != "Secret":
        return tree
    return {key: {"secret": value} if key in _SECRET_DATA else value for key, value in tree.items()}


def secrets_of(values: Iterable[object], trees: Iterable[Tree]) -> tuple[str, ...]:
    """All secret texts, by the names of values and from the data of Secrets.

    Raises:
        PortalError: there are too many.
    """
    found = {text for each in values for text in secret_texts(each)}
    found.update(text for tree in trees for text in texts_kept_in(tree) if len(text) >= SHORTEST)
    if len(found) > MOST_SECRETS:
        raise PortalError(
            f"It holds more than {MOST_SECRETS:,} secrets: it would take too long to hide them all."
        )
    return tuple(sorted(found, key=len, reverse=True))
