"""The settings of all parts together, and what has to hold between the parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from portal.auth.addresses import (
    arn_problem,
    endpoint_problem,
    is_private,
    issuer_problem,
    origin_of,
    public_problem,
)
from portal.auth.hosts import KnownHosts, known_hosts
from portal.domain.impersonation import name_problem
from portal.settings.actions import ActionSettings
from portal.settings.addresses import AddressSettings
from portal.settings.catalog import CatalogSettings
from portal.settings.guardrails import GuardrailSettings
from portal.settings.helm import HelmSettings
from portal.settings.images import ImageSettings
from portal.settings.namespaces import NamespaceSettings
from portal.settings.part import PREFIX, SettingsError
from portal.settings.projects import ProjectSettings
from portal.settings.providers import ProviderSettings
from portal.settings.scaling import ScalingSettings
from portal.settings.sign_in import SignInSettings
from portal.settings.storage import StorageSettings
from portal.settings.webhook import WebhookSettings


class Settings(
    StorageSettings,
    WebhookSettings,
    AddressSettings,
    HelmSettings,
    ScalingSettings,
    ProjectSettings,
    GuardrailSettings,
    ImageSettings,
    CatalogSettings,
    ActionSettings,
    ProviderSettings,
    SignInSettings,
    NamespaceSettings,
):
    """The settings of the portal.

    A part stands before those that it depends on. Pydantic takes the fields of the last base
    first, and ``docs/settings.md`` has the order of the fields.
    """

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Settings:
        """Read the variables; one that is set but empty counts as unset.

        Raises:
            SettingsError: a value is wrong, or a variable of ours has an unknown name.
        """
        given = {
            name.removeprefix(PREFIX).lower(): value
            for name, value in environ.items()
            if name.startswith(PREFIX) and value != ""
        }
        try:
            settings = cls.model_validate(given)
        except ValidationError as error:
            raise SettingsError(
                "; ".join(
                    f"{PREFIX}{'_'.join(str(part) for part in problem['loc']).upper()}: "
                    f"{problem['msg']}"
                    for problem in error.errors()
                )
            ) from None
        if settings.auth_mode == "header" and settings.auth_secret_file is None:
            raise SettingsError(
                f"{PREFIX}AUTH_SECRET_FILE: required when {PREFIX}AUTH_MODE is header; without "
                "a shared secret anybody could send the user header."
            )
        if problem := settings.auth_problem():
            raise SettingsError(problem)
        if settings.shell and not settings.allow_exec:
            raise SettingsError(
                f"{PREFIX}SHELL: set {PREFIX}ALLOW_EXEC to true as well, or nobody may use it."
            )
        if settings.authorization == "kubernetes" and settings.auth_mode == "none":
            raise SettingsError(
                f"{PREFIX}AUTHORIZATION: kubernetes needs people who sign in; set "
                f"{PREFIX}AUTH_MODE as well."
            )
        if settings.share_links and settings.auth_mode == "none":
            raise SettingsError(
                f"{PREFIX}SHARE_LINKS: of no use while {PREFIX}AUTH_MODE is none, since everybody "
                "sees every app."
            )
        if settings.share_links and not (settings.database or settings.database_file):
            raise SettingsError(
                f"{PREFIX}SHARE_LINKS: needs {PREFIX}DATABASE, which knows the links that are "
                "revoked."
            )
        for group in settings.impersonated_groups:
            if problem := name_problem(group):
                raise SettingsError(
                    f"{PREFIX}IMPERSONATED_GROUPS: the name “{group[:80]}” {problem}."
                )
        problem = settings.where_problem() or settings.projects_problem()
        if problem:
            raise SettingsError(problem)
        if settings.namespaces and settings.default_namespace not in settings.namespaces:
            return settings.model_copy(update={"default_namespace": settings.namespaces[0]})
        return settings

    def known_hosts(self) -> KnownHosts:
        """The host names that the portal answers to."""
        origins = (*self.trusted_origins, self.public_url if self.auth_mode == "oidc" else "")
        return known_hosts((*self.allowed_hosts, self.node_address), filter(None, origins))

    def own_origins(self) -> frozenset[str]:
        """The origins of the portal's own pages, besides the one that a request's Host names."""
        found = map(origin_of, (*self.trusted_origins, self.public_url))
        return frozenset(filter(None, found))

    def auth_problem(self) -> str:
        """The error in the settings of who is asking; "" if there is none."""
        needed = {
            "oidc": ("oidc_issuer", "oidc_client_id", "public_url"),
            "alb": ("alb_arn", "alb_issuer", "alb_client_id"),
        }
        for name in needed.get(self.auth_mode, ()):
            if not getattr(self, name):
                return (
                    f"{PREFIX}{name.upper()}: required when {PREFIX}AUTH_MODE is {self.auth_mode}."
                )
        if problem := self._tls_problem():
            return problem
        if self.auth_mode == "alb" and (problem := arn_problem(self.alb_arn)):
            return f"{PREFIX}ALB_ARN: {problem}."
        if self.auth_mode == "none" and (self.bearer_audiences or self.token_review_audiences):
            return (
                f"{PREFIX}BEARER_AUDIENCES, {PREFIX}TOKEN_REVIEW_AUDIENCES: of no use while "
                f"{PREFIX}AUTH_MODE is none, since everybody may do everything without a token."
            )
        if self.bearer_audiences and not self.oidc_issuer:
            return f"{PREFIX}OIDC_ISSUER: required with {PREFIX}BEARER_AUDIENCES."
        addresses = {
            "oidc_issuer": self.oidc_issuer,
            "public_url": self.public_url if self.auth_mode == "oidc" else "",
            "alb_keys_url": self.alb_keys_url,
        }
        for name, url in addresses.items():
            if url and (problem := endpoint_problem(url, allow_http=self.allows_http(url))):
                return f"{PREFIX}{name.upper()}: {problem}."
        if problem := issuer_problem(self.oidc_issuer):
            return f"{PREFIX}OIDC_ISSUER: {problem}."
        if self.auth_mode == "oidc" and (problem := public_problem(self.public_url)):
            return f"{PREFIX}PUBLIC_URL: {problem}."
        if "openid" not in " ".join(self.oidc_scopes).split():
            return f"{PREFIX}OIDC_SCOPES: openid is missing, without which nobody is named."
        return ""

    def bind_problem(self, bind: Sequence[str]) -> str:
        """Return why the portal may not listen at the addresses ``bind``, "" if it may.

        In a cluster, where ``own_namespace`` is set, the chart decides what is exposed.
        """
        if self.auth_mode != "none" or self.allow_anonymous or self.own_namespace:
            return ""
        for address in bind:
            if not (address.startswith("unix:") or is_private(f"http://{address}")):
                return (
                    f"{PREFIX}AUTH_MODE is none, and {address} is not a private address: everybody "
                    "who reaches it could change and remove every app. Listen at 127.0.0.1, choose "
                    f"another mode, or set {PREFIX}ALLOW_ANONYMOUS to true."
                )
        return ""


def documentation() -> str:
    """Render the settings as a Markdown table."""
    lines = ["| variable | default | meaning |", "|---|---|---|"]
    for name, info in Settings.model_fields.items():
        default = info.default
        shown = "" if default in (None, ()) else str(default)
        lines.append(
            f"| `{PREFIX}{name.upper()}` | {f'`{shown}`' if shown else ''} | {info.description} |"
        )
    return "\n".join(lines) + "\n"
