"""The launch and scale forms: raw values from the page in, checked requests out.

Raw forms (``FormFields``) map the page's field ids to values as the page sends them; errors and
warnings have the same keys. Everything here is pure and cheap enough for every keystroke.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field
from msgspec.structs import replace

from portal.catalog import dash_app
from portal.catalog.dash_app import ExposureSettings
from portal.catalog.launch_fields import LAUNCH_FIELDS
from portal.catalog.presets import Preset, preset_fields
from portal.catalog.sizes import beyond_fields, size_of
from portal.catalog.values import as_mapping, to_yaml
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec, LaunchSpec
from portal.domain.namespaces import NamespaceRules
from portal.domain.secrets import redacted
from portal.domain.sizes import Size
from portal.releases.checks import Check
from portal.releases.request import ReleaseRequest

FormFields = dict[str, object]
"""The raw fields of a form by name; see ``LAUNCH_FIELDS``."""


class ScaleRequest(Struct, frozen=True):
    """Either a fixed number of ``replicas``, or ``autoscaling``; exactly one is given."""

    replicas: int | None = None
    autoscaling: AutoscalingSpec | None = None


class CheckedLaunch(Struct, frozen=True):
    """The result of checking the launch form. ``spec`` is None if there are errors."""

    spec: LaunchSpec | None
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: Mapping[str, str] = field(default_factory=dict[str, str])


class CheckedScale(Struct, frozen=True):
    """The result of checking the scale form. ``request`` is None if there are errors."""

    request: ScaleRequest | None
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: Mapping[str, str] = field(default_factory=dict[str, str])


class Preview(Struct, frozen=True):
    """The values that a launch will use, and the equivalent command for a terminal.

    Both have placeholders instead of secrets.
    """

    values_yaml: str
    command: str


class ReleaseForms(Struct, frozen=True):
    """The forms' rules, configured by the settings.

    ``rules`` say which namespaces may be used. ``max_replicas`` is the maximum of both sliders.
    ``chart`` is the reference shown in the command. ``images`` are patterns of allowed images;
    empty means any. ``nowhere``: the user may launch in no namespace.
    """

    rules: NamespaceRules = field(default_factory=NamespaceRules)
    default_namespace: str = "default"
    max_replicas: int = 10
    chart: str = "charts/dash-app"
    presets: tuple[Preset, ...] = ()
    site: ExposureSettings = field(default_factory=ExposureSettings)
    images: tuple[str, ...] = ()
    sizes: tuple[Size, ...] = ()
    nowhere: bool = False

    def within(self, namespaces: tuple[str, ...] | None) -> ReleaseForms:
        """Return the forms for somebody who may launch in these namespaces (None: in all)."""
        if namespaces is None:
            return self
        default = self.default_namespace
        if default not in namespaces:
            default = namespaces[0] if namespaces else ""
        return replace(
            self,
            rules=replace(self.rules, listed=namespaces),
            default_namespace=default,
            nowhere=not namespaces,
        )

    def defaults(self) -> FormFields:
        """Return a new form, filled in with defaults and the first preset."""
        raw: FormFields = {each.name: each.default for each in LAUNCH_FIELDS}
        raw |= {"namespace": self.default_namespace, "bounds": [1, min(4, self.max_replicas)]}
        return raw | (preset_fields(self.presets[0]) if self.presets else {})

    def check(self, raw: Mapping[str, object]) -> CheckedLaunch:
        """Check every field of the launch form; missing ones count as empty."""
        check = Check(raw)
        name, namespace = check.name(), check.namespace(self.rules)
        repository, tag = check.image(self.images)
        fields = check.simple()
        env = check.env()
        env_keys, secrets = check.env_keys(env), check.secrets(env)
        size = check.size(self.sizes)
        resources = check.resources(size)
        replicas, autoscaling = check.scaling(self.max_replicas, resources)
        exposure, hostname = check.exposure(bool(self.site.gateway))
        volume = check.volume()
        check.pod(fields, resources, volume)
        if check.errors:
            return CheckedLaunch(None, check.errors, check.warnings)
        spec = LaunchSpec(
            key=Key(namespace, name),
            repository=repository,
            tag=tag,
            replicas=replicas,
            autoscaling=autoscaling,
            cpu_request=resources.cpu_request,
            cpu_limit=resources.cpu_limit,
            memory_request=resources.memory_request,
            memory_limit=resources.memory_limit,
            exposure=exposure,
            hostname=hostname,
            env=env,
            env_keys=env_keys,
            secrets=secrets,
            volume=volume,
            size=size,
            fields=fields,
        )
        return CheckedLaunch(spec, {}, check.warnings)

    def check_values(self, key: Key, values: Mapping[str, object]) -> CheckedLaunch:
        """Check values that a browser claims to be made by the form."""
        checked = self.check(self.prefill(key, values))
        if beyond_fields(values) and size_of(values, self.sizes) is None:
            problem = "Only an administrator's sizes choose nodes and devices: choose one of them."
            return CheckedLaunch(None, {**checked.errors, "size": problem}, checked.warnings)
        return checked

    def request(self, spec: LaunchSpec) -> ReleaseRequest:
        """Return the request for the built-in chart that ``spec`` describes."""
        return ReleaseRequest(
            spec.key, None, dash_app.to_values(spec, "", self.site), self.sizes, spec.secrets
        )

    def requested(self, asked: LaunchSpec | ReleaseRequest) -> ReleaseRequest:
        """Return ``asked`` as a request, whichever form it comes from."""
        return self.request(asked) if isinstance(asked, LaunchSpec) else asked

    def check_scale(
        self, raw: Mapping[str, object], values: Mapping[str, object] | None = None
    ) -> CheckedScale:
        """Check the scale form.

        Fields: autoscaling, replicas, bounds, target_cpu, target_memory, scale_down_window.
        ``values`` are the release's, to see whether a target has the request that it needs.
        """
        check = Check(raw)
        resources = None
        if values is not None:
            resources = Check(dash_app.from_values(Key("", ""), values)).resources()
        replicas, autoscaling = check.scaling(self.max_replicas, resources)
        if check.errors:
            return CheckedScale(None, check.errors, check.warnings)
        request = ScaleRequest(replicas if autoscaling is None else None, autoscaling)
        return CheckedScale(request, {}, check.warnings)

    def recheck_scale(
        self, request: ScaleRequest, values: Mapping[str, object] | None = None
    ) -> dict[str, str]:
        """Return the errors of a scale request that a browser claims to be checked."""
        wanted = request.autoscaling
        raw: FormFields = {"autoscaling": wanted is not None, "replicas": request.replicas}
        if wanted is not None:
            raw |= {
                "bounds": [wanted.min_replicas, wanted.max_replicas],
                "target_cpu": wanted.target_cpu,
                "target_memory": wanted.target_memory,
                "scale_down_window": wanted.scale_down_window,
            }
        return dict(self.check_scale(raw, values).errors)

    def values(
        self,
        spec: LaunchSpec,
        launched_by: str,
        existing: Mapping[str, object] | None = None,
    ) -> dict[str, object]:
        """Return the chart's values for ``spec``, merged into those of the existing release."""
        values = dash_app.to_values(spec, launched_by, self.site)
        return values if existing is None else dash_app.merge(existing, values, self.sizes)

    def preview(
        self,
        spec: LaunchSpec,
        existing: Mapping[str, object] | None = None,
        launched_by: str = "",
    ) -> Preview:
        """Return the preview of ``spec``, merged into ``existing`` values for an upgrade."""
        shown = as_mapping(redacted(self.values(spec, launched_by, existing)))
        command = dash_app.equivalent_command(spec.key, self.chart, shown)
        return Preview(to_yaml(shown), command)

    def prefill(self, key: Key, values: Mapping[str, object]) -> FormFields:
        """Return the form for the ``values`` of an existing release, with its secrets."""
        size = size_of(values, self.sizes)
        return dash_app.from_values(key, values) | {"size": size.name if size else ""}

    def shown(self, key: Key, values: Mapping[str, object]) -> FormFields:
        """Return the form as ``prefill`` does, with placeholders for secrets."""
        return self.prefill(key, dash_app.shown_in_form(values))
