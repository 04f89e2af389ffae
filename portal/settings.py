"""Settings, typed and checked, from environment variables named ``DASH_PORTAL_*``.

``docs/settings.md`` is generated from the field descriptions below.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, field_validator

from portal.auth.hosts import KnownHosts, allowed_host_problem, known_hosts
from portal.autoscaling.cost import Prices
from portal.catalog.presets import Preset, read_presets
from portal.catalog.sizes import read_sizes
from portal.catalog.sources import Source, SourceKind
from portal.database.address import database_problem
from portal.domain.charts import BUILT_IN
from portal.domain.namespaces import NamespaceRules, listed_problem, pattern_problem
from portal.domain.sizes import Size
from portal.guardrails.rules import GuardrailException, Level
from portal.images.registries import ImageLookup, ImageRegistry
from portal.notifications.webhook import webhook_problem

PREFIX = "DASH_PORTAL_"


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
        Literal["none", "header"],
        Field(
            description="`none`: anyone who reaches the portal may change and remove every app, "
            "and read its values; a banner says so. `header`: a trusted proxy names the user, and "
            "proves itself with a shared secret; an app is changed by its owner, by whom the owner "
            "shares it with, and by administrators."
        ),
    ] = "none"
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
    auth_admin_groups: Annotated[
        tuple[str, ...],
        Field(
            description="Comma-separated groups whose members may change every app (mode `header`)."
        ),
    ] = ()
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
            "`https://portal.example.com`, for links in messages of the webhook."
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
    metrics_interval: Annotated[
        float, Field(ge=1, description="Seconds between two reads of the metrics API.")
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
        "trusted_origins",
        "allowed_images",
        "allowed_hosts",
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
        if settings.shell and not settings.allow_exec:
            raise SettingsError(
                f"{PREFIX}SHELL: set {PREFIX}ALLOW_EXEC to true as well, or nobody may use it."
            )
        problem = settings.where_problem()
        if problem:
            raise SettingsError(problem)
        if settings.namespaces and settings.default_namespace not in settings.namespaces:
            return settings.model_copy(update={"default_namespace": settings.namespaces[0]})
        return settings

    def known_hosts(self) -> KnownHosts:
        """The host names that the portal answers to."""
        return known_hosts((*self.allowed_hosts, self.node_address), self.trusted_origins)

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

    def rules(self) -> NamespaceRules:
        """The namespaces that the portal works in, and those in which it changes nothing."""
        return NamespaceRules(self.namespaces, self.own_namespace, self.excluded_namespaces)

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
        if self.auth_secret_file is None:
            return ""
        try:
            secret = self.auth_secret_file.read_text().strip()
        except OSError as error:
            raise SettingsError(f"{PREFIX}AUTH_SECRET_FILE: {error}") from None
        if not secret:
            raise SettingsError(f"{PREFIX}AUTH_SECRET_FILE: the file is empty.")
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
