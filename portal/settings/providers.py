"""The settings of who signs people in, and of bearer tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from portal.auth.addresses import is_private
from portal.settings.part import PREFIX, Names, Part, SettingsError, secret_of

SHORTEST_KEY = 32
"""The fewest characters of the secret that cookies are encrypted with."""


class ProviderSettings(Part):
    """The settings of who signs people in, and of bearer tokens."""

    oidc_issuer: Annotated[
        str,
        Field(
            description="Address of the OpenID provider, exactly as it spells it (mode `oidc`; and "
            "the issuer of bearer tokens)."
        ),
    ] = ""
    oidc_client_id: Annotated[
        str, Field(description="The portal's client ID at the provider (mode `oidc`).")
    ] = ""
    oidc_client_secret_file: Annotated[
        Path | None,
        Field(
            description="File with the client's secret. Without one the client is public: PKCE "
            "alone protects the sign-in, and sessions end with the portal's process unless "
            "`DASH_PORTAL_OIDC_SESSION_KEY_FILE` is set."
        ),
    ] = None
    oidc_session_key_file: Annotated[
        Path | None,
        Field(
            description="File with the secret that cookies are encrypted with, at least 32 "
            "characters, the same for all portal pods. Without one it is derived from the client's "
            "secret. A new one ends all sessions."
        ),
    ] = None
    oidc_scopes: Annotated[
        Names,
        Field(
            description="Comma-separated scopes to ask for. Add `offline_access` if the provider "
            "gives refresh tokens only then, and `groups` if it sends groups only then."
        ),
    ] = ("openid", "profile", "email")
    oidc_refresh_interval: Annotated[
        int,
        Field(
            ge=30,
            le=3600,
            description="Seconds after which a session is renewed at the provider, so that one "
            "that has ended there ends here. Without a refresh token a session ends with the ID "
            "token.",
        ),
    ] = 300
    oidc_session_longest: Annotated[
        int,
        Field(
            ge=300, le=7 * 86400, description="Seconds after which people have to sign in again."
        ),
    ] = 12 * 3600
    oidc_allow_http: Annotated[
        bool,
        Field(
            description="Allow a provider, and a portal, at an address without TLS that is not "
            "private. Whoever reads the network can then take over sessions."
        ),
    ] = False
    oidc_ca_file: Annotated[
        Path | None,
        Field(description="Certificate authorities (PEM) to trust beside the system's own."),
    ] = None
    bearer_audiences: Annotated[
        Names,
        Field(
            description="Comma-separated audiences: API callers may send a bearer token (JWT) of "
            "`DASH_PORTAL_OIDC_ISSUER` that is for one of them. Empty: none."
        ),
    ] = ()
    token_review_audiences: Annotated[
        Names,
        Field(
            description="Comma-separated audiences: ServiceAccounts may send a bearer token that "
            "is for one of them, which Kubernetes is asked about (TokenReview). Empty: none."
        ),
    ] = ()
    alb_arn: Annotated[
        str, Field(description="ARN of the load balancer that is trusted (mode `alb`).")
    ] = ""
    alb_issuer: Annotated[
        str, Field(description="Issuer in the load balancer's listener rule (mode `alb`).")
    ] = ""
    alb_client_id: Annotated[
        str, Field(description="Client ID in the load balancer's listener rule (mode `alb`).")
    ] = ""
    alb_keys_url: Annotated[
        str,
        Field(
            description="Address of the load balancer's public keys, up to their names. Empty: "
            "that of the region in `DASH_PORTAL_ALB_ARN`."
        ),
    ] = ""

    def allows_http(self, url: str) -> bool:
        """Return True if the portal, or its provider, may be at this address without TLS."""
        return self.oidc_allow_http or is_private(url)

    def client_secret(self) -> str:
        """Read the secret of the portal's client at the OpenID provider, "" if there is none.

        Raises:
            SettingsError: the file cannot be read or is empty.
        """
        return secret_of(self.oidc_client_secret_file, "oidc_client_secret_file")

    def session_key(self) -> str:
        """Read the secret that cookies are encrypted with, "" if there is none.

        Raises:
            SettingsError: the file cannot be read, or its content is too short.
        """
        key = secret_of(self.oidc_session_key_file, "oidc_session_key_file")
        if key and len(key) < SHORTEST_KEY:
            raise SettingsError(
                f"{PREFIX}OIDC_SESSION_KEY_FILE: at least {SHORTEST_KEY} characters are needed."
            )
        return key
