"""Who is asking."""

from __future__ import annotations

from msgspec import Struct


class Identity(Struct, frozen=True):
    """A user and the groups a trusted party says they are in.

    ``anonymous`` is set in the open mode (``none``), where nobody is told apart.
    """

    user: str
    groups: tuple[str, ...] = ()
    anonymous: bool = False


ANONYMOUS = Identity(user="anonymous", anonymous=True)
