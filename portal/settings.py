"""Settings, typed and checked, from environment variables named ``DASH_PORTAL_*``.

``docs/settings.md`` is generated from the field descriptions below.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from portal.auth.addresses import arn_problem, endpoint_problem, is_private
from portal.auth.hosts import KnownHosts, allowed_host_problem, known_hosts
from portal.autoscaling.cost import Prices
from portal.catalog.presets import Preset, read_presets
from portal.catalog.sizes import read_sizes
from portal.catalog.sources import Source, SourceKind
from portal.database.address import database_problem
from portal.domain.charts import BUILT_IN
from portal.domain.impersonation import Impersonation, name_problem
from portal.domain.limits import LIMITS, Limits
from portal.domain.names import namespace_problem
from portal.domain.namespaces import NamespaceRules, listed_problem, pattern_problem
from portal.domain.sizes import Size
from portal.guardrails.rules import GuardrailException, Level
from portal.images.registries import ImageLookup, ImageRegistry
from portal.notifications.webhook import webhook_problem
from portal.projects.form import DEFAULTS, FIELDS
from portal.projects.form import check as check_project
from portal.projects.model import ProjectSite
from portal.projects.names import template_problem
from portal.prometheus.client import prometheus_problem

PREFIX = "DASH_PORTAL_"

SHORTEST_KEY = 32


class SettingsError(Exception):
    """A setting is wrong; the message names the variable and the expected value."""


class Settings(BaseModel):
    """The settings of the portal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    namespaces: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated namespaces the portal works in. Either these or "
            "`DASH_PORTAL_CLUSTER_WIDE` must be set."
        ),
    ] = ()
    cluster_wide: Annotated[bool, Field(description="Work in all namespaces.")] = False
    excluded_namespaces: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated names and patterns, such as `infra-*`, of namespaces in "
            "which the portal changes nothing. Its own namespace and `kube-*` are always excluded."
        ),
    ] = ()
    own_namespace: Annotated[
        str, Field(description="The namespace that the portal runs in. Empty outside a cluster.")
    ] = ""
    default_namespace: Annotated[
        str, Field(description="The namespace that the launch form starts with.")
    ] = "default"
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
        tuple[str, ...],
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
        tuple[str, ...],
        Field(
            description="Comma-separated groups whose members may change every app (not in the "
            "mode `none`)."
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
        tuple[str, ...],
        Field(
            description="Comma-separated groups that Kubernetes is told of when the portal acts "
            "for a member (authorization `kubernetes`). Other groups of a person are left out."
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
    auth_groups_claim: Annotated[str, Field(description="Claim with the user's groups.")] = "groups"
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
        tuple[str, ...],
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
        tuple[str, ...],
        Field(
            description="Comma-separated audiences: API callers may send a bearer token (JWT) of "
            "`DASH_PORTAL_OIDC_ISSUER` that is for one of them. Empty: none."
        ),
    ] = ()
    token_review_audiences: Annotated[
        tuple[str, ...],
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
    allow_logs: Annotated[
        bool,
        Field(
            description="Show the logs of an app's containers to those who may change the app. "
            "Needs `get` on `pods/log`."
        ),
    ] = True
    allow_exec: Annotated[
        bool,
        Field(
            description="Allow those who may change an app to run commands in its pods: the page "
            "of a pod's processes does so, and a shell if that is switched on too."
        ),
    ] = False
    shell: Annotated[
        bool,
        Field(
            description="Offer a shell in the browser, in the containers of apps, to those who may "
            "run commands there. Needs `DASH_PORTAL_ALLOW_EXEC`."
        ),
    ] = False
    shell_image: Annotated[
        str,
        Field(
            description="Image of debug containers, for shells beside containers whose image has "
            "none; it has to have a shell and `sleep`. Empty: none are offered."
        ),
    ] = ""
    shell_idle: Annotated[
        float, Field(gt=0, description="Seconds without a key after which a shell is closed.")
    ] = 900.0
    shell_longest: Annotated[
        float, Field(gt=0, description="Seconds after which a shell is closed in any case.")
    ] = 4 * 3600.0
    load_test_image: Annotated[
        str,
        Field(
            description="Image of load tests, made from `load-test/`. Those who may change an app "
            "may then send requests to its Services, from a Job in its namespace. Needs `create` "
            "and `patch` on `jobs`, and `get` on `pods/log`. Empty: there are no load tests."
        ),
    ] = ""
    load_test_rate: Annotated[
        int, Field(ge=1, le=5000, description="The most requests a second of a load test.")
    ] = 200
    load_test_seconds: Annotated[
        int, Field(ge=1, le=3600, description="The most seconds that a load test lasts.")
    ] = 300
    load_test_minutes: Annotated[
        int,
        Field(ge=1, description="The most minutes of load tests that a person has in a day."),
    ] = 30
    limits_operations: Annotated[
        int,
        Field(
            ge=0,
            description="Operations of one person that may be queued or running at once, in all "
            "portal pods together; those that only wait for their pods do not count. 0: no limit, "
            "as for all `DASH_PORTAL_LIMITS_*`, which do not apply in the mode `none`.",
        ),
    ] = LIMITS.operations.most
    limits_apps: Annotated[
        int,
        Field(
            ge=0,
            description="Apps that one person may have launched at a time, in all namespaces. "
            "Apps beyond that stay, and can be changed.",
        ),
    ] = LIMITS.apps.most
    limits_tabs: Annotated[
        int, Field(ge=0, description="Browser tabs of one person that are live, in each pod.")
    ] = LIMITS.tabs.most
    limits_logs: Annotated[
        int, Field(ge=0, description="Logs that one person follows at once, in each pod.")
    ] = LIMITS.logs.most
    limits_downloads: Annotated[
        int, Field(ge=0, description="Logs that one person downloads at once, in each pod.")
    ] = LIMITS.downloads.most
    limits_shells: Annotated[
        int, Field(ge=0, description="Shells of one person that are open at once, in each pod.")
    ] = LIMITS.shells.most
    share_links: Annotated[
        bool,
        Field(
            description="Let those who may share an app make links that show it read-only, without "
            "a sign-in, to whoever has the link, until it expires or is revoked. Needs a database, "
            "and people who sign in."
        ),
    ] = False
    presets_file: Annotated[
        Path | None, Field(description="YAML list of the images that the launch form offers.")
    ] = None
    sizes_file: Annotated[
        Path | None,
        Field(
            description="YAML list of named sizes that the launch form offers: resources, and the "
            "nodes to run on."
        ),
    ] = None
    catalog_file: Annotated[
        Path | None,
        Field(description="YAML list of the sources of charts, beside the built-in one."),
    ] = None
    catalog_interval: Annotated[
        float, Field(ge=10, description="Seconds between two reads of the sources of charts.")
    ] = 300.0
    catalog_index_limit: Annotated[
        int,
        Field(
            ge=1,
            le=200,
            description="MiB that the index of a repository of charts may have. It is read by a "
            "process of its own, and again only when it has changed; memory grows with it.",
        ),
    ] = 20
    allowed_images: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated patterns of the images that may be run, such as "
            "`registry.example.com/team/*`, without tags: what forms accept, and every image in "
            "what a chart renders. Empty: all."
        ),
    ] = ()
    image_lookup: Annotated[
        ImageLookup,
        Field(
            description="Which registries the portal asks about images before a launch: `public`, "
            "those that are listed and all others over HTTPS at public addresses, or `listed` "
            "alone. Never for images that `DASH_PORTAL_ALLOWED_IMAGES` leaves out."
        ),
    ] = ImageLookup.PUBLIC
    image_registries_file: Annotated[
        Path | None,
        Field(
            description="YAML list of registries that are asked about images at whatever address, "
            "without TLS, or with a sign-in of the portal's own."
        ),
    ] = None
    pod_security_namespace: Annotated[
        str,
        Field(
            description="A namespace that enforces Pod Security `restricted`, in which nothing "
            "runs: the guardrails create pods there by server-side dry run. Required."
        ),
    ] = ""
    pod_security_baseline_namespace: Annotated[
        str,
        Field(description="The same for `baseline`. Required if an exception sets that level."),
    ] = ""
    guardrails_file: Annotated[
        Path | None, Field(description="YAML list of exceptions to the guardrails.")
    ] = None
    projects: Annotated[
        bool,
        Field(
            description="Let administrators make projects: namespaces with people, quota, limits, "
            "Pod Security and network policies. With authorization `kubernetes` an administrator "
            "of projects is whoever may create namespaces, and all is done as that person; with "
            "`owners` it is done with the portal's own account, which then needs the rights. Needs "
            "`DASH_PORTAL_CLUSTER_WIDE` and people who sign in."
        ),
    ] = False
    projects_defaults_file: Annotated[
        Path | None,
        Field(description="YAML mapping with the content of the form of a new project, by field."),
    ] = None
    projects_ingress_namespaces: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated namespaces of ingress controllers, gateways and the like: "
            "the network policy of a project lets traffic from them in."
        ),
    ] = ()
    projects_role_prefix: Annotated[
        str,
        Field(
            description="Beginning of the names of the ClusterRoles that people get in a project: "
            "`<prefix>-viewer` and so on. Empty: Kubernetes' own `view`, `edit` and `admin`."
        ),
    ] = ""
    projects_personal: Annotated[
        bool,
        Field(
            description="Make a project for each person at the first sign-in, with the portal's "
            "own account. Needs `DASH_PORTAL_PROJECTS`, authorization `kubernetes`, and rights "
            "that reach far: see the administrator's guide."
        ),
    ] = False
    projects_personal_name: Annotated[
        str,
        Field(
            description="Name of personal projects; `{user}` stands for the user. Characters that "
            "a namespace's name cannot have are replaced, and a short hash tells people apart."
        ),
    ] = "user-{user}"
    max_replicas: Annotated[
        int, Field(ge=1, le=1000, description="The upper end of the replica sliders.")
    ] = 10
    price_core_hour: Annotated[
        float | None,
        Field(
            ge=0,
            description="Price of one core for an hour, for what is said of an app's cost beside "
            "its sliders. Empty: amounts without money.",
        ),
    ] = None
    price_gib_hour: Annotated[
        float | None, Field(ge=0, description="The same of one GiB of memory.")
    ] = None
    price_currency: Annotated[
        str, Field(max_length=8, description="Currency of the prices, such as `EUR`.")
    ] = ""
    chart_path: Annotated[Path, Field(description="The built-in chart.")] = Path("charts/dash-app")
    chart_ref: Annotated[
        str, Field(description="Name of the chart in the helm command to copy.")
    ] = "charts/dash-app"
    helm: Annotated[str, Field(description="The helm binary.")] = "helm"
    helm_timeout: Annotated[
        float, Field(gt=0, description="Seconds after which a helm command is ended.")
    ] = 120.0
    helm_concurrency: Annotated[
        int,
        Field(ge=1, description="Most helm commands that run at once; each takes about 30 MiB."),
    ] = 20
    kubeconfig: Annotated[
        Path | None,
        Field(description="A kubeconfig, for running outside a cluster. Inside, leave it unset."),
    ] = None
    node_address: Annotated[
        str,
        Field(description="Host name or address people use for NodePorts. Empty: the node's own."),
    ] = ""
    ingress_address: Annotated[
        str,
        Field(
            description="Address of Ingress and Gateway host names that the portal's DNS does not "
            "resolve. Empty: the address in the object's status."
        ),
    ] = ""
    ingress_class: Annotated[
        str, Field(description="Ingress class of launched apps. Empty: the cluster's default.")
    ] = ""
    ingress_tls: Annotated[
        bool, Field(description="Request TLS for launched apps' Ingresses (cert-manager).")
    ] = False
    gateway: Annotated[
        str,
        Field(
            description="Gateway for HTTPRoutes, `namespace/name` or `namespace/name/listener`. "
            "Empty: HTTPRoute cannot be chosen."
        ),
    ] = ""
    trusted_origins: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated origins, such as `https://portal.example.com`, for "
            "proxies that do not pass the Host header on."
        ),
    ] = ()
    allowed_hosts: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated host names that the portal answers to, such as "
            "`portal.example.com` or `*.example.com`, without ports. `localhost`, IP addresses, "
            "and the hosts of `DASH_PORTAL_TRUSTED_ORIGINS` and `DASH_PORTAL_NODE_ADDRESS` always "
            "are; the chart adds the names of its Service, Ingress and HTTPRoute. A request "
            "for any other name is refused: it may be another site's (DNS rebinding)."
        ),
    ] = ()
    public_url: Annotated[
        str,
        Field(
            description="Address at which people reach the portal, such as "
            "`https://portal.example.com`, for links in messages of the webhook, and for the way "
            "back from a sign-in (required in the mode `oidc`)."
        ),
    ] = ""
    webhook_url_file: Annotated[
        Path | None,
        Field(
            description="File with the address of a webhook that is told of operations that have "
            "ended and of apps that need attention, as JSON that Slack and others take. The "
            "address is a secret: it is never logged. Empty: no webhook."
        ),
    ] = None
    webhook_allow_http: Annotated[
        bool, Field(description="Allow an address of the webhook without TLS (`http://`).")
    ] = False
    database: Annotated[
        str,
        Field(
            description="URL of the portal's database, in SQLAlchemy's form: "
            "`sqlite:////data/portal.db`, a file on a volume of one portal's own, or "
            "`postgresql://user@host:5432/name`. Empty: no database, see "
            "`DASH_PORTAL_DATABASE_FILE`."
        ),
    ] = ""
    database_file: Annotated[
        Path | None,
        Field(
            description="File with that URL, for one with a password, which is never logged. Not "
            "together with `DASH_PORTAL_DATABASE`."
        ),
    ] = None
    audit_log: Annotated[
        bool,
        Field(
            description="Write each entry of the audit trail to the log as well, a line at any log "
            "level. Without a database that is the only place, and cannot be switched off."
        ),
    ] = True
    history_days: Annotated[
        int,
        Field(
            ge=1,
            le=400,
            description="Days for which the database keeps the history of apps, removed ones too.",
        ),
    ] = 30
    prometheus_url: Annotated[
        str,
        Field(
            description="Address of a Prometheus that is read for longer ranges of an app's chart "
            "than the portal has itself, such as `http://prometheus.monitoring.svc:9090`; what "
            "stands before `/api/v1` may have a path. Empty: none."
        ),
    ] = ""
    prometheus_token_file: Annotated[
        Path | None,
        Field(
            description="File with a bearer token for Prometheus, read for each query. The address "
            "then has to be `https://`."
        ),
    ] = None
    prometheus_ca_file: Annotated[
        Path | None,
        Field(description="File with further certificate authorities for Prometheus, in PEM."),
    ] = None
    metrics_interval: Annotated[
        float,
        Field(
            ge=1,
            description="Seconds between two reads of the metrics API, or a little more or less: "
            "it is read just after it has new samples.",
        ),
    ] = 10.0
    log_format: Annotated[Literal["json", "text"], Field(description="Form of the log lines.")] = (
        "json"
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(description="Lowest level that is logged."),
    ] = "INFO"

    @field_validator(
        "namespaces",
        "excluded_namespaces",
        "auth_admin_groups",
        "auth_proxy_names",
        "impersonated_groups",
        "oidc_scopes",
        "bearer_audiences",
        "token_review_audiences",
        "trusted_origins",
        "allowed_images",
        "allowed_hosts",
        "projects_ingress_namespaces",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("allowed_hosts")
    @classmethod
    def _host_names(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for each in value:
            if problem := allowed_host_problem(each):
                raise ValueError(problem)
        return value

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
        return ""

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

    def allows_http(self, url: str) -> bool:
        """Return True if the portal, or its provider, may be at this address without TLS."""
        return self.oidc_allow_http or is_private(url)

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

    def where_problem(self) -> str:
        """The error in the choice of namespaces; "" if there is none."""
        if self.namespaces and self.cluster_wide:
            return (
                f"{PREFIX}NAMESPACES and {PREFIX}CLUSTER_WIDE: set one of them. With a list the "
                "portal works in those namespaces alone."
            )
        if not (self.namespaces or self.cluster_wide):
            return (
                f"{PREFIX}NAMESPACES: list the namespaces that the portal may work in, or set "
                f"{PREFIX}CLUSTER_WIDE to true for all of them."
            )
        if problem := listed_problem(self.namespaces, self.own_namespace):
            return f"{PREFIX}NAMESPACES: {problem}"
        for pattern in self.excluded_namespaces:
            if problem := pattern_problem(pattern):
                return f"{PREFIX}EXCLUDED_NAMESPACES: {problem}"
        return ""

    def projects_problem(self) -> str:
        """The error in the settings of projects; "" if there is none."""
        if self.projects and (self.auth_mode == "none" or not self.cluster_wide):
            return (
                f"{PREFIX}PROJECTS: needs people who sign in ({PREFIX}AUTH_MODE), and "
                f"{PREFIX}CLUSTER_WIDE, since the portal would not work in a new namespace."
            )
        if self.projects_personal and not (self.projects and self.authorization == "kubernetes"):
            return (
                f"{PREFIX}PROJECTS_PERSONAL: needs {PREFIX}PROJECTS, and {PREFIX}AUTHORIZATION "
                "kubernetes: otherwise everybody sees every namespace."
            )
        if problem := template_problem(self.projects_personal_name):
            return f"{PREFIX}PROJECTS_PERSONAL_NAME: {problem}"
        for each in self.projects_ingress_namespaces:
            if problem := namespace_problem(each):
                return f"{PREFIX}PROJECTS_INGRESS_NAMESPACES: {problem}"
        return ""

    def project_site(self) -> ProjectSite:
        """The settings of projects that their objects depend on."""
        return ProjectSite(
            self.projects_role_prefix,
            self.own_namespace,
            self.projects_ingress_namespaces,
            self.authorization == "kubernetes",
            frozenset(self.impersonated_groups),
            tuple(each.name for each in self.sizes()),
        )

    def project_defaults(self) -> Mapping[str, str]:
        """Read the file with the content of the form of a new project.

        Raises:
            SettingsError: the file cannot be read, or a field is unknown or wrong.
        """
        if self.projects_defaults_file is None:
            return {}
        name = f"{PREFIX}PROJECTS_DEFAULTS_FILE"
        try:
            entries: object = yaml.safe_load(self.projects_defaults_file.read_text()) or {}
            found = TypeAdapter(dict[str, str | int | float]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError) as error:
            raise SettingsError(f"{name}: {error}") from None
        fields = {field: str(text) for field, text in found.items()}
        if unknown := sorted(set(fields) - set(FIELDS)):
            raise SettingsError(f"{name}: there is no field {', '.join(unknown)}.")
        tried = check_project(
            {**DEFAULTS, **fields, "name": "a"}, NamespaceRules(), self.project_site()
        )
        if tried.errors:
            raise SettingsError(
                f"{name}: {'; '.join(f'{field}: {each}' for field, each in tried.errors.items())}"
            )
        return fields

    def limits(self) -> Limits:
        """The limits of one person."""
        return LIMITS.with_most(
            operations=self.limits_operations,
            apps=self.limits_apps,
            tabs=self.limits_tabs,
            logs=self.limits_logs,
            downloads=self.limits_downloads,
            shells=self.limits_shells,
        )

    def rules(self) -> NamespaceRules:
        """The namespaces that the portal works in, and those in which it changes nothing."""
        return NamespaceRules(self.namespaces, self.own_namespace, self.excluded_namespaces)

    def impersonation(self) -> Impersonation | None:
        """The rules for acting as a person; None if the portal's own account does everything."""
        if self.authorization != "kubernetes":
            return None
        return Impersonation(frozenset(self.impersonated_groups))

    def presets(self) -> tuple[Preset, ...]:
        """Read the presets file.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.presets_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.presets_file.read_text()) or []
            return read_presets(entries)
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise SettingsError(f"{PREFIX}PRESETS_FILE: {error}") from None

    def sizes(self) -> tuple[Size, ...]:
        """Read the file of sizes.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.sizes_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.sizes_file.read_text()) or []
            return read_sizes(entries)
        except (OSError, yaml.YAMLError, ValueError) as error:
            raise SettingsError(f"{PREFIX}SIZES_FILE: {error}") from None

    def sources(self) -> tuple[Source, ...]:
        """Read the file of sources; the built-in chart comes first.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        own = Source(BUILT_IN, SourceKind.BUILTIN, path=self.chart_path)
        if self.catalog_file is None:
            return (own,)
        try:
            entries: object = yaml.safe_load(self.catalog_file.read_text()) or []
            listed = TypeAdapter(tuple[Source, ...]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
            raise SettingsError(f"{PREFIX}CATALOG_FILE: {error}") from None
        names = [each.name for each in (own, *listed)]
        if len(set(names)) < len(names):
            raise SettingsError(f"{PREFIX}CATALOG_FILE: two sources have the same name.")
        return (own, *listed)

    def image_registries(self) -> tuple[ImageRegistry, ...]:
        """Read the file of registries.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.image_registries_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.image_registries_file.read_text()) or []
            listed = TypeAdapter(tuple[ImageRegistry, ...]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
            raise SettingsError(f"{PREFIX}IMAGE_REGISTRIES_FILE: {error}") from None
        if len({each.name for each in listed}) < len(listed):
            raise SettingsError(f"{PREFIX}IMAGE_REGISTRIES_FILE: a registry is there twice.")
        return listed

    def guardrail_exceptions(self) -> tuple[GuardrailException, ...]:
        """Read the file of exceptions to the guardrails.

        Raises:
            SettingsError: the file cannot be read or an entry is wrong.
        """
        if self.guardrails_file is None:
            return ()
        try:
            entries: object = yaml.safe_load(self.guardrails_file.read_text()) or []
            listed = TypeAdapter(tuple[GuardrailException, ...]).validate_python(entries)
        except (OSError, yaml.YAMLError, ValidationError, TypeError) as error:
            raise SettingsError(f"{PREFIX}GUARDRAILS_FILE: {error}") from None
        lowered = any(each.pod_security is Level.BASELINE for each in listed)
        if lowered and not self.pod_security_baseline_namespace:
            raise SettingsError(
                f"{PREFIX}POD_SECURITY_BASELINE_NAMESPACE: needed, since an exception in "
                f"{PREFIX}GUARDRAILS_FILE sets the level baseline."
            )
        return listed

    def pod_security_namespaces(self) -> dict[str, str]:
        """The namespaces that enforce Pod Security, by level.

        Raises:
            SettingsError: the one for ``restricted`` is not set.
        """
        if not self.pod_security_namespace:
            raise SettingsError(
                f"{PREFIX}POD_SECURITY_NAMESPACE: needed. Make one that enforces the Pod Security "
                "Standards: kubectl create namespace NAME && kubectl label namespace NAME "
                "pod-security.kubernetes.io/enforce=restricted"
            )
        return {
            Level.RESTRICTED: self.pod_security_namespace,
            Level.BASELINE: self.pod_security_baseline_namespace,
        }

    def webhook_url(self) -> str:
        """Read the address of the webhook; "" if there is none.

        Raises:
            SettingsError: the file cannot be read or does not hold an address that is allowed. The
                message does not quote it.
        """
        if self.webhook_url_file is None:
            return ""
        name = f"{PREFIX}WEBHOOK_URL_FILE"
        try:
            url = self.webhook_url_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: {type(error).__name__}: it cannot be read.") from None
        if problem := webhook_problem(url, allow_http=self.webhook_allow_http):
            raise SettingsError(f"{name}: {problem}")
        return url

    def prometheus(self) -> str:
        """Return the address of Prometheus; "" if there is none.

        Raises:
            SettingsError: it is wrong, or there is a token without it.
        """
        url, token = self.prometheus_url.strip(), self.prometheus_token_file is not None
        if not url:
            if token:
                raise SettingsError(f"{PREFIX}PROMETHEUS_TOKEN_FILE: set {PREFIX}PROMETHEUS_URL.")
            return ""
        if problem := prometheus_problem(url, token=token):
            raise SettingsError(f"{PREFIX}PROMETHEUS_URL: {problem}")
        return url

    def database_url(self) -> str:
        """Read the URL of the database; "" if there is none.

        Raises:
            SettingsError: the file cannot be read, or the URL is wrong. The message does not quote
                it.
        """
        name, url = f"{PREFIX}DATABASE", self.database
        if self.database_file is not None:
            name = f"{PREFIX}DATABASE_FILE"
            if url:
                raise SettingsError(f"{name}: set either this or {PREFIX}DATABASE.")
            try:
                url = self.database_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{name}: {type(error).__name__}: it cannot be read.") from None
        elif not url:
            return ""
        if problem := database_problem(url):
            raise SettingsError(f"{name}: {problem}")
        return url

    def prices(self) -> Prices:
        """Return the prices of what apps reserve."""
        return Prices(self.price_core_hour, self.price_gib_hour, self.price_currency)

    def secret(self) -> str:
        """Read the shared secret ("" in the open mode).

        Raises:
            SettingsError: the file cannot be read or is empty.
        """
        return self._secret_of("auth_secret_file")

    def client_secret(self) -> str:
        """Read the secret of the portal's client at the OpenID provider, "" if there is none.

        Raises:
            SettingsError: the file cannot be read or is empty.
        """
        return self._secret_of("oidc_client_secret_file")

    def session_key(self) -> str:
        """Read the secret that cookies are encrypted with, "" if there is none.

        Raises:
            SettingsError: the file cannot be read, or its content is too short.
        """
        key = self._secret_of("oidc_session_key_file")
        if key and len(key) < SHORTEST_KEY:
            raise SettingsError(
                f"{PREFIX}OIDC_SESSION_KEY_FILE: at least {SHORTEST_KEY} characters are needed."
            )
        return key

    def _secret_of(self, name: str) -> str:
        path: Path | None = getattr(self, name)
        if path is None:
            return ""
        try:
            secret = path.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{PREFIX}{name.upper()}: {error}") from None
        if not secret:
            raise SettingsError(f"{PREFIX}{name.upper()}: the file is empty.")
        return secret


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
