"""The token of a link: what it is for, encrypted and signed, in one spelling. Pure."""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from portal.domain.identity import Identity
from portal.domain.keys import Key

if TYPE_CHECKING:
    # Loaded with the first link: encryption takes long to import.
    from portal.auth.oidc.sessions import Seal

PATH = "/shared"
"""The page that a link opens; its token stands behind the ``#``."""
PURPOSE = "read-only link"
LONGEST = 2_000
"""Characters of the longest token."""

_ALPHABET = re.compile(r"[A-Za-z0-9_-]+")


class Link(Struct, frozen=True):
    """A link to one app. Times are Unix seconds; ``id`` is random, and gives no access.

    ``issuer`` is who made it, for whom the portal asks whether it may still be shown.
    """

    id: str
    key: Key
    issuer: Identity
    created: int
    expires: int


def new_id() -> str:
    """Return the id of a new link."""
    return secrets.token_hex(8)


def seal_of(key: str) -> Seal:
    """Return the seal of tokens, from the secret that all portals share."""
    from portal.auth.oidc.sessions import Seal

    return Seal(key.encode(), PURPOSE)


def token_of(seal: Seal, link: Link) -> str:
    """Return the token of a link: without its issuer's groups, which may be hundreds."""
    return seal.close(short(link))


def short(link: Link) -> Link:
    """Return a link as its token has it."""
    return replace(link, issuer=replace(link.issuer, groups=(), extra=()))


def link_in(seal: Seal, token: str) -> Link | None:
    """Return the link of a token, mostly a ``short`` one; None for any other text.

    Of the spellings that base64 allows for the same bytes only the portal's own counts.
    """
    if len(token) > LONGEST or not _ALPHABET.fullmatch(token):
        return None
    try:
        content = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return None
    if base64.urlsafe_b64encode(content).decode().rstrip("=") != token:
        return None
    return seal.open(token, Link)
