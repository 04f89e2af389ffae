"""Owners of a release: whose it is, and those with whom it is shared, by their roles.

Whoever launches it is its owner, until it is handed over. All are labels of Helm's records, which
values cannot set: only the portal, and users who may write Secrets, can. Helm copies labels to the
next revision.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from functools import lru_cache

from msgspec import Struct

from portal.domain.identity import Identity
from portal.domain.keys import LAUNCHED_BY

SHARED_WITH = "dash-portal.io/shared-with"
"""Prefix of the labels, one for each user or group: ``dash-portal.io/shared-with.0`` …"""

MOST_SHARED = 20
MAX_LABEL = 63

_PLAIN = re.compile(r"[A-Za-z0-9.-]")
_ESCAPED = re.compile(r"(?:_[0-9A-F]{2})+")
_ENTRY = re.compile(r"(user|group):\s*(\S.*)")


class Role(StrEnum):
    """A role of those with whom a release is shared, the one that may most first.

    OWN: all that the owner may; OPERATE: the same, but sharing it; VIEW: read all of it.
    """

    OWN = "own"
    OPERATE = "operate"
    VIEW = "view"


class Owners(Struct, frozen=True):
    """The owner of a release and those it is shared with, as label values (``label_of``)."""

    owner: str = ""
    shared: tuple[str, ...] = ()

    def owned_by(self, identity: Identity) -> bool:
        """Return True if this user is the owner."""
        return bool(self.owner) and self.owner == label_of(identity.user)

    def role(self, identity: Identity) -> Role | None:
        """Return the most that this user may do, by themselves or a group; None for nothing."""
        if self.owned_by(identity):
            return Role.OWN
        names = [f"user:{identity.user}", *(f"group:{group}" for group in identity.groups)]
        for role in Role if self.shared else ():
            if any(label_of(_entry(role, each)) in self.shared for each in names):
                return role
        return None

    def shared_as(self, role: Role) -> tuple[str, ...]:
        """Return those with whom it is shared in a role: ``user:ann``, ``group:team-a``."""
        texts = (text_of(each) for each in self.shared)
        return tuple(each.removeprefix(f"{role}:") for each in texts if _role_of(each) is role)

    def handed_over(self, former: str, new: str, kept: Role | None = None) -> Owners:
        """Return the owners once ``former`` has handed it over to ``new``, both names of users.

        Neither keeps a role of their own that they had before, but ``former`` the one that is
        ``kept``. What groups may do stays.
        """
        gone = {
            label_of(_entry(role, f"user:{name}"))
            for role in Role
            for name in (former, new)
            if name
        }
        shared = tuple(each for each in self.shared if each not in gone)
        if kept and former:
            shared += (label_of(_entry(kept, f"user:{former}")),)
        return Owners(label_of(new), shared)

    @property
    def labels(self) -> dict[str, str]:
        """The labels of a record that express this."""
        own = {LAUNCHED_BY: self.owner} if self.owner else {}
        return own | {f"{SHARED_WITH}.{n}": each for n, each in enumerate(self.shared)}


NOBODY = Owners()
"""Owners of a release without a known owner."""


def owners_in(labels: Mapping[str, str]) -> Owners:
    """Return the owners that the labels of a record name."""
    owner = labels.get(LAUNCHED_BY, "")
    shared = [name for name in labels if name.startswith(f"{SHARED_WITH}.")]
    shared.sort(key=lambda name: (len(name), name))  # as they are numbered: 9 before 10
    if not (owner or shared):
        return NOBODY
    return Owners(owner, tuple(labels[name] for name in shared))


def is_about_owners(label: str) -> bool:
    """Return True if the label of that name concerns ownership."""
    return label == LAUNCHED_BY or label.startswith(f"{SHARED_WITH}.")


@lru_cache(8192)
def label_of(text: str) -> str:
    """Return a unique, valid label value for any text; "" for "".

    A text that would be too long is represented by a hash.

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
    """Return the text of a label value; "" if it is a hash, or not made by ``label_of``.

    >>> text_of(label_of("Zoë, ann@example.org"))
    'Zoë, ann@example.org'
    """
    if not (label.startswith("u.") and label.endswith(".u") and len(label) > len("u..u")):
        return ""

    def plain(match: re.Match[str]) -> str:
        return bytes.fromhex(match[0].replace("_", "")).decode(errors="replace")

    return _ESCAPED.sub(plain, label[2:-2])


def _entry(role: Role, name: str) -> str:
    """Return an entry with its role. Those without one operate: once there were no others."""
    return name if role is Role.OPERATE else f"{role}:{name}"


def _role_of(entry: str) -> Role:
    return next((each for each in Role if entry.startswith(f"{each}:")), Role.OPERATE)


def read_entries(text: str, role: Role = Role.OPERATE) -> tuple[tuple[str, ...], str]:
    """Parse ``user:ann, group:team-a``; return label values and what is wrong ("" if valid).

    >>> read_entries("user:ann, group:team-a")
    (('u.user_3Aann.u', 'u.group_3Ateam-a.u'), '')
    >>> read_entries("user:ann", Role.VIEW)
    (('u.view_3Auser_3Aann.u',), '')
    """
    found: dict[str, None] = {}
    for part in filter(None, (each.strip() for each in re.split(r"[,\n]", text))):
        match = _ENTRY.fullmatch(part)
        if match is None:
            return (), f"“{part[:40]}”: write user:NAME or group:NAME, separated by commas."
        label = label_of(_entry(role, f"{match[1]}:{match[2].strip()}"))
        if not text_of(label):
            return (), f"“{part[:40]}…” is too long to be kept: name a group that is shorter."
        found.setdefault(label)
    problem = too_many(found)
    return () if problem else tuple(found), problem


def too_many(labels: Iterable[str]) -> str:
    """Return what is wrong with the number of entries, "" if nothing is."""
    if len(tuple(labels)) <= MOST_SHARED:
        return ""
    return f"Name at most {MOST_SHARED} people and groups; a group counts once."


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogatepass")
