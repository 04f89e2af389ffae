"""Redaction of a release's notes, in which charts print passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from portal.domain.errors import PortalError
from portal.domain.manifests import objects
from portal.domain.secrets import SHORTEST, scrubbed_text, secret_texts, texts_kept_in

_DOCUMENT = re.compile(r"^---", re.MULTILINE)


def shown_notes(notes: str, values: Iterable[object], manifests: Iterable[str]) -> str:
    """Return the notes without the secrets in ``values`` and in the Secrets of ``manifests``.

    Only documents that may be Secrets are parsed. Invalid YAML is skipped: Helm cannot have
    applied it.
    """
    if not notes.strip():
        return notes
    found = {text for each in values for text in secret_texts(each)}
    for manifest in manifests:
        found.update(text for text in _kept_in(manifest) if len(text) >= SHORTEST)
    return scrubbed_text(notes, found)


def _kept_in(manifest: str) -> Iterator[str]:
    for document in _DOCUMENT.split(manifest):
        if "Secret" not in document:
            continue
        try:
            trees = objects(document, "").values()
        except PortalError:
            continue
        for tree in trees:
            yield from texts_kept_in(tree)
