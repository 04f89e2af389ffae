"""The authentication of people and API callers, by the settings."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from msgspec import Struct

from portal.auth.identify import Authenticator, OpenAuthenticator
from portal.domain.sessions import ALONE, SharedSessions
from portal.settings import Settings

if TYPE_CHECKING:
    from portal.auth.bearer import TokenReviewer
    from portal.auth.oidc.sessions import Sessions
    from portal.auth.oidc.sign_in import SignIn


class Authentication(Struct, frozen=True):
    """The authenticator; and in the mode ``oidc`` the sign-in and the sessions."""

    authenticator: Authenticator
    sign_in: SignIn | None = None
    sessions: Sessions | None = None


def authentication(
    settings: Settings,
    stack: AsyncExitStack,
    reviewer: TokenReviewer,
    shared: SharedSessions = ALONE,
) -> Authentication:
    """Return the authenticator of the settings' mode; ``stack`` closes its connections.

    ``shared`` is what portals tell each other of sessions.

    Raises:
        SettingsError: a file of a secret cannot be read.
    """
    if settings.auth_mode == "none":
        return Authentication(OpenAuthenticator())
    # Cryptography takes 0.15 s and 12 MiB, which the open mode does without.
    from portal.authenticators import authenticators

    return authenticators(settings, stack, reviewer, shared)
