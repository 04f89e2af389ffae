"""The identity of the user who makes a request."""

from __future__ import annotations

from msgspec import Struct


class Identity(Struct, frozen=True):
    """A user and their groups, as named by a trusted party.

    ``extra`` are further attributes for Kubernetes: names and their values, in order.
    ``anonymous`` is True in the mode ``none``, where all users share one account.
    """

    user: str
    groups: tuple[str, ...] = ()
    anonymous: bool = False
    extra: tuple[tuple[str, tuple[str, ...]], ...] = ()


ANONYMOUS = Identity(user="anonymous", anonymous=True)
