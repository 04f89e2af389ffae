"""The settings of who is asking, of what a person may do, and of HTTPS."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from portal.domain.impersonation import Impersonation
from portal.settings.part import PREFIX, Names, Part, secret_of


class SignInSettings(Part):
    """The settings of who is asking, of what a person may do, and of HTTPS."""

    auth_mode: Annotated[
        Literal["none", "header", "oidc", "alb"],
        Field(
            description="`none`: anyone who reaches the portal may change and remove every app, "
            "and read its values; a banner says so. In the other modes an app is changed by its "
            "owner, by whom the owner shares it with, and by administrators. `oidc`: people sign "
            "in through an OpenID provider. `header`: a proxy names the user, and proves itself "
            "with a shared secret. `alb`: an AWS Application Load Balancer signs people in."
        ),
    ] = "none"
    allow_anonymous: Annotated[
        bool,
        Field(
            description="Allow the mode `none` at an address that is not private. In the cluster "
            "the chart asks for it where the portal is exposed."
        ),
    ] = False
    auth_user_header: Annotated[str, Field(description="Header with the user's name.")] = (
        "X-Forwarded-User"
    )
    auth_groups_header: Annotated[
        str, Field(description="Header with the user's groups, comma-separated.")
    ] = "X-Forwarded-Groups"
    auth_secret_header: Annotated[
        str, Field(description="Header in which the proxy sends the shared secret.")
    ] = "X-Portal-Secret"
    auth_secret_file: Annotated[
        Path | None,
        Field(description="File with the shared secret. Needed when the mode is `header`."),
    ] = None
    auth_proxy_names: Annotated[
        Names,
        Field(
            description="Comma-separated names, of which the proxy's client certificate must have "
            "one (DNS names and URIs; mode `header`): without such a certificate nothing is "
            "answered but health and metrics, whatever secret is sent."
        ),
    ] = ()
    tls_cert_file: Annotated[
        Path | None,
        Field(
            description="File with the certificate that the portal serves HTTPS with, and its "
            "chain. Read at the start."
        ),
    ] = None
    tls_key_file: Annotated[Path | None, Field(description="File with that certificate's key.")] = (
        None
    )
    tls_client_ca_file: Annotated[
        Path | None,
        Field(description="File with the authorities that sign the proxy's client certificate."),
    ] = None
    auth_admin_groups: Annotated[
        Names,
        Field(
            description="Comma-separated groups, or a JSON list of them, whose members may change "
            "every app (not in the mode `none`)."
        ),
    ] = ()
    authorization: Annotated[
        Literal["owners", "kubernetes"],
        Field(
            description="Who may do what. `owners`: an app is changed by its owner, by whom the "
            "owner shares it with, and by administrators; all is done with the portal's own "
            "account. `kubernetes`: Kubernetes is asked what each person may do, and everything is "
            "done as that person, by impersonation. Needs people who sign in."
        ),
    ] = "owners"
    impersonated_groups: Annotated[
        Names,
        Field(
            description="Comma-separated groups, or a JSON list of them, that Kubernetes is told "
            "of when the portal acts for a member (authorization `kubernetes`). Other groups of a "
            "person are left out."
        ),
    ] = ()
    role_prefix: Annotated[
        str,
        Field(
            pattern=r"^([a-z0-9]([a-z0-9.-]*[a-z0-9])?)?$",
            max_length=240,
            description="What the names of the ClusterRoles for people begin with, before "
            "`-viewer` and so on: the page of an app then shows who has which role by which "
            "RoleBinding, and people give roles as themselves (authorization `kubernetes`). Empty: "
            "it does not.",
        ),
    ] = ""
    auth_user_claim: Annotated[
        str,
        Field(
            description="Claim that names the user, in the modes `oidc` and `alb` and in bearer "
            "tokens: `sub`, which never changes, or `email`, which has to be verified, or another. "
            "Choose what the API server's `--oidc-username-claim` names if it has one."
        ),
    ] = "sub"
    auth_groups_claim: Annotated[
        str,
        Field(
            description="Claim with the user's groups; `realm_access.roles` for one within another."
        ),
    ] = "groups"
    auth_user_prefix: Annotated[
        str,
        Field(
            description="Put before the user's name, as by the API server's "
            "`--oidc-username-prefix`."
        ),
    ] = ""
    auth_groups_prefix: Annotated[
        str,
        Field(
            description="Put before each group's name, as by `--oidc-groups-prefix`. Names that "
            "begin with `system:` are never accepted."
        ),
    ] = ""

    def _tls_problem(self) -> str:
        served = (self.tls_cert_file, self.tls_key_file)
        if (served[0] is None) != (served[1] is None):
            return f"{PREFIX}TLS_CERT_FILE, {PREFIX}TLS_KEY_FILE: set both, or neither."
        if self.tls_client_ca_file and (served[0] is None or not self.auth_proxy_names):
            return (
                f"{PREFIX}TLS_CLIENT_CA_FILE: set {PREFIX}TLS_CERT_FILE and "
                f"{PREFIX}AUTH_PROXY_NAMES as well: who is signed by it is not yet the proxy."
            )
        if self.auth_proxy_names and (not self.tls_client_ca_file or self.auth_mode != "header"):
            return (
                f"{PREFIX}AUTH_PROXY_NAMES: only in the mode header, with "
                f"{PREFIX}TLS_CLIENT_CA_FILE."
            )
        return ""

    def tls(self) -> dict[str, Any]:
        """Return gunicorn's settings for HTTPS; none if the portal serves HTTP.

        A client certificate is verified if one is shown: the kubelet has none for its probes.
        """
        if self.tls_cert_file is None:
            return {}
        found: dict[str, Any] = {
            "certfile": str(self.tls_cert_file),
            "keyfile": str(self.tls_key_file),
        }
        if self.tls_client_ca_file is not None:
            found |= {"ca_certs": str(self.tls_client_ca_file), "cert_reqs": ssl.CERT_OPTIONAL}
        return found

    def impersonation(self) -> Impersonation | None:
        """The rules for acting as a person; None if the portal's own account does everything."""
        if self.authorization != "kubernetes":
            return None
        return Impersonation(frozenset(self.impersonated_groups))

    def secret(self) -> str:
        """Read the shared secret ("" in the open mode).

        Raises:
            SettingsError: the file cannot be read or is empty.
        """
        return secret_of(self.auth_secret_file, "auth_secret_file")
