"""The OpenID provider: its discovery document, keys and endpoints."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import time
from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import quote, urlencode, urlsplit

from msgspec import Struct

from portal.auth.addresses import endpoint_problem
from portal.auth.claims import Claims, check_id_token, refused, text, value_of
from portal.auth.http import Answer, Ask, Unavailable
from portal.auth.tokens import Keys, UnknownKey, verified
from portal.domain.errors import Unauthenticated

log = logging.getLogger(__name__)

METADATA_FOR = 3600.0
"""Seconds after which the discovery document and the keys are read again."""
PAUSE = 30.0
"""Seconds between two reads of the keys for tokens with unknown ones, which anybody can send; and
after a read that failed."""
KEYS_FOR = 24 * 3600.0
"""Seconds for which keys count while the provider does not answer."""

ERRORS = frozenset(
    {
        "access_denied",
        "consent_required",
        "interaction_required",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
    }
)
"""The errors of a token endpoint that are quoted: others may repeat what it was sent."""


class Client(Struct, frozen=True):
    """The portal as the provider knows it. ``secret`` is "" for a public client."""

    issuer: str
    id: str
    secret: str = ""
    scopes: tuple[str, ...] = ("openid", "profile", "email")
    redirect_uri: str = ""
    signed_out_uri: str = ""
    allow_http: bool = False


class Endpoints(Struct, frozen=True):
    """The endpoints in a provider's discovery document; "" for one that it does not have."""

    authorization: str
    token: str
    keys: str
    userinfo: str
    revocation: str
    end_session: str
    names_itself: bool
    """True if the provider names its issuer in what it sends to the portal (RFC 9207)."""
    post: bool
    """True if the client's secret has to be sent as a field of the form."""


class Tokens(Struct, frozen=True):
    """The provider's answer to a sign-in or a refresh. ``id_token`` is "" if it sent none."""

    claims: Claims
    id_token: str
    refresh_token: str


class NotRenewed(Unauthenticated):
    """The provider does not renew the session: it has ended there."""


class KeyNotKnown(Unauthenticated):
    """The token names a key that the provider has not published, as far as is known."""


class Provider:
    """Asks an OpenID provider. Times are in seconds."""

    def __init__(
        self,
        client: Client,
        ask: Ask,
        *,
        clock: Callable[[], float] = time.time,
        wants: frozenset[str] = frozenset(),
    ) -> None:
        """``wants`` are the claims to ask the userinfo endpoint for if an ID token lacks them."""
        self.client = client
        self._ask = ask
        self._clock = clock
        self._wants = wants
        self._endpoints: tuple[float, Endpoints] | None = None
        self._keys = Keys()
        self._keys_read = float("-inf")
        self._keys_due = float("-inf")
        self._reading = asyncio.Lock()
        self._failed: Unavailable | None = None
        """The error of the last reading of the keys that failed."""
        self._told: set[int] = set()
        """The statuses of the userinfo endpoint that were logged."""

    async def endpoints(self) -> Endpoints:
        """Return the provider's endpoints.

        Raises:
            Unavailable: its discovery document cannot be had, or is another issuer's.
        """
        if self._endpoints is None or self._clock() - self._endpoints[0] > METADATA_FOR:
            url = self.client.issuer.rstrip("/") + "/.well-known/openid-configuration"
            try:
                found = endpoints_of(_json(await self._ask(url)), self.client)
            except Unavailable:
                if self._endpoints is None:
                    raise
                self._endpoints = (self._clock() - METADATA_FOR + PAUSE, self._endpoints[1])
                return self._endpoints[1]
            self._endpoints = (self._clock(), found)
        return self._endpoints[1]

    def known_claims(self, token: str) -> Claims:
        """Return the claims of a token that the provider signed, by the keys that are known.

        Raises:
            Unauthenticated: it did not, as far as is known.
        """
        try:
            return verified(token, self._keys)
        except UnknownKey:
            why = refused("its key is not known")
            raise KeyNotKnown(why.message, why.advice) from None

    async def claims(self, token: str) -> Claims:
        """Return the claims of a token that the provider signed, reading its keys if necessary.

        Raises:
            Unauthenticated: it did not.
            Unavailable: its keys cannot be read.
        """
        if self._clock() >= self._keys_due:
            await self._read_keys(again=False)
        try:
            return verified(token, self._keys)
        except UnknownKey:
            await self._read_keys(again=True)
        return self.known_claims(token)

    async def _read_keys(self, *, again: bool) -> None:
        """Read the keys if that is due; or ``again``, for a token with one that is not known.

        Whoever has waited for a reading that failed is told so: one after the other would wait for
        a provider that does not answer.
        """
        failed = self._failed
        async with self._reading:
            now = self._clock()
            if now < self._keys_due and not (again and now - self._keys_read >= PAUSE):
                return
            if self._failed is not None and self._failed is not failed:
                raise Unavailable(self._failed.message, self._failed.advice)
            try:
                keys = Keys.read(_json(await self._ask((await self.endpoints()).keys)))
            except Unavailable as error:
                self._failed = error
                if again or not self._keys or now - self._keys_read > KEYS_FOR:
                    raise
                self._keys_due = self._clock() + PAUSE
                return
            self._keys, self._keys_read, self._keys_due = keys, now, now + METADATA_FOR

    async def authorization_url(self, *, state: str, nonce: str, challenge: str) -> str:
        """Return the address at which a person signs in."""
        endpoint = (await self.endpoints()).authorization
        return _with_query(
            endpoint,
            {
                "response_type": "code",
                "client_id": self.client.id,
                "redirect_uri": self.client.redirect_uri,
                "scope": " ".join(self.client.scopes),
                "state": state,
                "nonce": nonce,
                "code_challenge": challenge,
                "code_challenge_method": "S256",
            },
        )

    async def exchange(self, code: str, verifier: str, nonce: str) -> Tokens:
        """Return the tokens for an authorization code.

        Raises:
            Unauthenticated: the provider, or the portal, refuses the sign-in.
            Unavailable: there is no answer.
        """
        answer = await self._token(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": self.client.redirect_uri,
                "code_verifier": verifier,
            }
        )
        return await self._tokens(answer, nonce, {})

    async def refresh(self, refresh_token: str, before: Claims) -> Tokens:
        """Return the tokens for a refresh token; ``before`` are the claims so far.

        Raises:
            NotRenewed: the session has ended at the provider.
            Unavailable: there is no answer.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            answer = await self._token(form)
            tokens = await self._tokens(answer, None, before)
        except KeyNotKnown as error:  # too soon after another look: the session goes on
            raise Unavailable(error.message, error.advice) from None
        except Unauthenticated as error:
            raise NotRenewed(error.message, error.advice) from None
        if text(tokens.claims, "sub") != text(before, "sub"):
            raise NotRenewed("The provider renewed another person's session.")
        return tokens

    async def revoke(self, refresh_token: str) -> None:
        """Tell the provider that a refresh token is not used any more, if it wants to know.

        Raises:
            Unavailable: there is no answer.
        """
        endpoints = await self.endpoints()
        if endpoints.revocation and refresh_token:
            form = {"token": refresh_token, "token_type_hint": "refresh_token"}
            await self._post(endpoints.revocation, form, post=endpoints.post)

    async def end_session_url(self, id_token: str) -> str:
        """Return the address at which a person signs out of the provider; "" if there is none.

        Raises:
            Unavailable: there is no answer.
        """
        endpoint = (await self.endpoints()).end_session
        if not endpoint:
            return ""
        query = {
            "client_id": self.client.id,
            "post_logout_redirect_uri": self.client.signed_out_uri,
            "logout_uri": self.client.signed_out_uri,  # the same for Amazon Cognito
            **({"id_token_hint": id_token} if id_token else {}),
        }
        return _with_query(endpoint, query)

    async def _token(self, form: Mapping[str, str]) -> dict[str, object]:
        endpoints = await self.endpoints()
        answer = await self._post(endpoints.token, form, post=endpoints.post)
        if answer.status in {400, 401, 403}:
            why = text(_json(answer, any_status=True), "error")
            raise Unauthenticated(
                f"The provider refuses the sign-in ({why if why in ERRORS else answer.status}).",
                "Sign in again. If this lasts, tell an administrator.",
            )
        return _json(answer)

    async def _post(self, url: str, form: Mapping[str, str], *, post: bool) -> Answer:
        client, headers = self.client, dict[str, str]()
        if not client.secret:
            form = {**form, "client_id": client.id}
        elif post:
            form = {**form, "client_id": client.id, "client_secret": client.secret}
        else:
            pair = f"{quote(client.id, safe='')}:{quote(client.secret, safe='')}"
            headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return await self._ask(url, form=form, headers=headers)

    async def _tokens(
        self, answer: Mapping[str, object], nonce: str | None, before: Claims
    ) -> Tokens:
        """Check an answer of the token endpoint; a refresh need not have an ID token."""
        id_token, access = text(answer, "id_token"), text(answer, "access_token")
        if id_token:
            claims = await self.claims(id_token)
            client = self.client
            check_id_token(
                claims, issuer=client.issuer, client=client.id, nonce=nonce, now=self._clock()
            )
        elif nonce is not None:
            raise Unauthenticated("The provider did not say who signed in.")
        else:
            claims = before
        endpoint = (await self.endpoints()).userinfo
        if access and endpoint and any(value_of(claims, each) is None for each in self._wants):
            more = await self._userinfo(endpoint, access)
            if more and text(more, "sub") != text(claims, "sub"):
                raise refused("the provider describes another person")
            claims = {**more, **claims}
        return Tokens(claims, id_token, text(answer, "refresh_token"))

    async def _userinfo(self, endpoint: str, access: str) -> Claims:
        """Return the claims of the userinfo endpoint; none if it does not take the access token.

        Such a token may be for another service by the scopes that were asked for.
        """
        answer = await self._ask(endpoint, headers={"Authorization": f"Bearer {access}"})
        if not 400 <= answer.status < 500 or answer.status in _PASSING:
            return _json(answer)
        if answer.status not in self._told:
            self._told.add(answer.status)
            log.warning(
                "the provider's userinfo endpoint answers with status %d: only the claims of the "
                "ID token are there",
                answer.status,
            )
        return {}


_PASSING = frozenset({408, 425, 429})
"""Statuses below 500 by which a server asks to be asked again."""


def endpoints_of(document: Mapping[str, object], client: Client) -> Endpoints:
    """Return what a discovery document says.

    Raises:
        Unavailable: it is another issuer's, or an endpoint is missing or not secure.
    """
    issuer = text(document, "issuer")
    if issuer != client.issuer:
        raise Unavailable(
            f"The sign-in service calls itself by another name ({issuer[:200] or 'none'}) than the "
            "settings do.",
            "An administrator has to set the issuer exactly as the provider spells it.",
        )

    def endpoint(name: str, *, needed: bool = False) -> str:
        url = text(document, name)
        if (url or needed) and endpoint_problem(url, allow_http=client.allow_http):
            raise Unavailable(f"The sign-in service has no secure address for {name}.")
        return url

    methods = document.get("token_endpoint_auth_methods_supported")
    offered = cast("list[object]", methods) if isinstance(methods, list) else []
    return Endpoints(
        authorization=endpoint("authorization_endpoint", needed=True),
        token=endpoint("token_endpoint", needed=True),
        keys=endpoint("jwks_uri", needed=True),
        userinfo=endpoint("userinfo_endpoint"),
        revocation=endpoint("revocation_endpoint"),
        end_session=endpoint("end_session_endpoint"),
        names_itself=document.get("authorization_response_iss_parameter_supported") is True,
        post="client_secret_post" in offered and "client_secret_basic" not in offered,
    )


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"


def _json(answer: Answer, *, any_status: bool = False) -> dict[str, object]:
    try:
        value: object = json.loads(answer.body)
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict) and (any_status or answer.status == 200):
        return cast("dict[str, object]", value)
    if any_status:
        return {}
    raise Unavailable(
        f"The sign-in service answers with status {answer.status}.",
        "Try again in a minute. If this lasts, tell an administrator.",
    )
