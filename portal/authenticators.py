"""The authenticators of the modes ``oidc``, ``header`` and ``alb``, and bearer tokens."""

from __future__ import annotations

import hashlib
import secrets
from contextlib import AsyncExitStack

from portal.auth.alb import AlbAuthenticator, LoadBalancer
from portal.auth.bearer import Bearer, JwtRule, Reviews, TokenReviewer, WithBearer
from portal.auth.claims import ClaimNames
from portal.auth.http import HttpAsk
from portal.auth.identify import HeaderAuthenticator
from portal.auth.oidc.cookies import Cookies
from portal.auth.oidc.provider import Client, Provider
from portal.auth.oidc.sessions import Seal, Sessions
from portal.auth.oidc.sign_in import OidcAuthenticator, SignIn
from portal.auth.operation_identity import OperationIdentities
from portal.authentication import Authentication
from portal.domain.sessions import SharedSessions
from portal.settings import SHORTEST_KEY, Settings
from portal.web.sign_in import CALLBACK_PATH, SIGNED_OUT_PATH


def authenticators(
    settings: Settings, stack: AsyncExitStack, reviewer: TokenReviewer, shared: SharedSessions
) -> Authentication:
    """Return the authenticator of a mode that tells people apart; as ``authentication``."""
    ask = HttpAsk(settings.oidc_ca_file)
    stack.push_async_callback(ask.close)
    names = ClaimNames(
        settings.auth_user_claim,
        settings.auth_groups_claim,
        settings.auth_user_prefix,
        settings.auth_groups_prefix,
    )
    provider = _provider(settings, ask, names) if settings.oidc_issuer else None
    found = _people(settings, ask, names, provider, shared)
    bearer = _bearer(settings, names, provider, reviewer)
    if bearer is None:
        return found
    return Authentication(WithBearer(found.authenticator, bearer), found.sign_in, found.sessions)


def _people(
    settings: Settings,
    ask: HttpAsk,
    names: ClaimNames,
    provider: Provider | None,
    shared: SharedSessions,
) -> Authentication:
    if settings.auth_mode == "oidc" and provider is not None:
        return _oidc(settings, names, provider, shared)
    if settings.auth_mode == "alb":
        balancer = LoadBalancer(
            settings.alb_arn, settings.alb_issuer, settings.alb_client_id, settings.alb_keys_url
        )
        return Authentication(AlbAuthenticator(balancer, names, ask))
    return Authentication(
        HeaderAuthenticator(
            settings.secret(),
            user_header=settings.auth_user_header,
            groups_header=settings.auth_groups_header,
            secret_header=settings.auth_secret_header,
        )
    )


def _provider(settings: Settings, ask: HttpAsk, names: ClaimNames) -> Provider:
    base = settings.public_url.rstrip("/")
    client = Client(
        issuer=settings.oidc_issuer,
        id=settings.oidc_client_id,
        secret=settings.client_secret(),
        scopes=settings.oidc_scopes,
        redirect_uri=f"{base}{CALLBACK_PATH}",
        signed_out_uri=f"{base}{SIGNED_OUT_PATH}",
        allow_http=settings.allows_http(settings.oidc_issuer),
    )
    return Provider(client, ask, wants=names.wanted)


def _oidc(
    settings: Settings, names: ClaimNames, provider: Provider, shared: SharedSessions
) -> Authentication:
    known = settings.session_key() or settings.client_secret()
    secret = hashlib.sha256(known.encode()).digest() if known else secrets.token_bytes(32)
    sessions = Sessions(
        Seal(secret, "session"),
        provider,
        names,
        every=settings.oidc_refresh_interval,
        longest=settings.oidc_session_longest,
        shared=shared,
    )
    cookies = Cookies(secure=settings.public_url.startswith("https://"))
    sign_in = SignIn(provider, sessions, cookies, secret)
    return Authentication(OidcAuthenticator(sessions, cookies, sign_in), sign_in, sessions)


def operation_identities(settings: Settings) -> OperationIdentities | None:
    """Return what seals for whom operations run; None where portals share no strong secret.

    It is the secret by which people are named already: who has it can be anybody anyway.
    """
    if settings.auth_mode == "oidc":
        known = settings.session_key() or settings.client_secret()
    else:
        known = settings.secret()
    # Leases can be read: a short secret could be guessed from what is sealed with it.
    if len(known) < SHORTEST_KEY:
        return None
    return OperationIdentities(hashlib.sha256(known.encode()).digest())


def _bearer(
    settings: Settings, names: ClaimNames, provider: Provider | None, reviewer: TokenReviewer
) -> Bearer | None:
    issuer = reviews = None
    if settings.bearer_audiences and provider is not None:
        audiences = frozenset(settings.bearer_audiences)
        issuer = (provider, JwtRule(settings.oidc_issuer, audiences, names))
    if settings.token_review_audiences:
        reviews = Reviews(reviewer, settings.token_review_audiences)
    return Bearer(issuer=issuer, reviews=reviews) if issuer or reviews else None
