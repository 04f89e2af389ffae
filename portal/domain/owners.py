"""Whose a release is: who launched it, and whom that person lets change it.

Both are labels of Helm's records, which values cannot reach: only the portal, and who may write
Secrets, set them. Helm passes labels on to the next revision.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY

SHARED_WITH = "dash-portal.io/shared-with"
"""Labels, one for each: ``dash-portal.io/shared-with.0`` …"""

MOST_SHARED = 20
MAX_LABEL = 63

_PLAIN = re.compile(r"[A-Za-z0-9.-]")
_ESCAPED = re.compile(r"(?:_[0-9A-F]{2})+")
_ENTRY = re.compile(r"(user|group):\s*(\S.*)")


class Owners(Struct, frozen=True):
    """Who may change a release, as labels spell them: see ``label_of``."""

    owner: str = ""
    shared: tuple[str, ...] = ()

    def owned_by(self, identity: Identity) -> bool:
        """Whether this person launched it."""
        return bool(self.owner) and self.owner == label_of(identity.user)

    def shared_with(self, identity: Identity) -> bool:
        """Whether this person, or a group of theirs, was named."""
        told = [f"user:{identity.user}", *(f"group:{group}" for group in identity.groups)]
        return bool(self.shared) and any(label_of(each) in self.shared for each in told)

    @property
    def labels(self) -> dict[str, str]:
        """The labels that say this."""
        own = {LAUNCHED_BY: self.owner} if self.owner else {}
        return own | {f"{SHARED_WITH}.{n}": each for n, each in enumerate(self.shared)}


NOBODY = Owners()
"""Nobody is known who launched it."""


def owners_in(labels: Mapping[str, str]) -> Owners:
    """What the labels of a record say."""
    owner = labels.get(LAUNCHED_BY, "")
    shared = sorted(name for name in labels if name.startswith(f"{SHARED_WITH}."))
    if not (owner or shared):
        return NOBODY
    return Owners(owner, tuple(labels[name] for name in shared))


def is_about_owners(label: str) -> bool:
    """Whether a label of that name is one of these."""
    return label == LAUNCHED_BY or label.startswith(f"{SHARED_WITH}.")


@lru_cache(8192)
def label_of(text: str) -> str:
    """Any text as the value of a label, another one for every other text; "" for "".

    What is too long to be written out is a hash.

    >>> label_of("ann@example.org")
    'u.ann_40example.org.u'
    """
    if not text:
        return ""
    written = "".join(
        char if _PLAIN.match(char) else "".join(f"_{byte:02X}" for byte in _bytes(char))
        for char in text
    )
    label = f"u.{written}.u"
    if len(label) <= MAX_LABEL:
        return label
    return f"h.{hashlib.sha256(_bytes(text)).hexdigest()[:56]}"


def text_of(label: str) -> str:
    """The text of a label; "" where it is a hash, or none of ours.

    >>> text_of(label_of("Zoë, ann@example.org"))
    'Zoë, ann@example.org'
    """
    if not (label.startswith("u.") and label.endswith(".u") and len(label) > len("u..u")):
        return ""

    def plain(match: re.Match[str]) -> str:
        return bytes.fromhex(match[0].replace("_", "")).decode(errors="replace")

    return _ESCAPED.sub(plain, label[2:-2])


def read_entries(text: str) -> tuple[tuple[str, ...], str]:
    """``user:ann, group:team-a`` as labels, and what is wrong with it ("" if nothing).

    >>> read_entries("user:ann, group:team-a")
    (('u.user_3Aann.u', 'u.group_3Ateam-a.u'), '')
    """
    found: dict[str, None] = {}
    for part in filter(None, (each.strip() for each in re.split(r"[,\n]", text))):
        match = _ENTRY.fullmatch(part)
        if match is None:
            return (), f"“{part[:40]}”: write user:NAME or group:NAME, separated by commas."
        label = label_of(f"{match[1]}:{match[2].strip()}")
        if not text_of(label):
            return (), f"“{part[:40]}…” is too long to be kept: name a group that is shorter."
        found.setdefault(label)
    if len(found) > MOST_SHARED:
        return (), f"Name at most {MOST_SHARED} people and groups; a group counts once."
    return tuple(found), ""


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
