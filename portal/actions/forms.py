"""The launch and scale forms: raw values from the page in, checked requests out.

Raw forms are dictionaries with the page's field ids as keys (``FIELDS``), and values as the
page gives them; errors and warnings are keyed by the same ids. All of it is pure, so that the
page may call it on every keystroke.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from portal.catalog.presets import Preset
from portal.domain.keys import Key
from portal.domain.launch import AutoscalingSpec, LaunchSpec

Raw = dict[str, object]

FIELDS = (
    "name",
    "namespace",
    "repository",
    "tag",
    "port",
    "env",
    "replicas",
    "autoscaling",
    "bounds",
    "target_cpu",
    "target_memory",
    "scale_down_window",
    "cpu_request",
    "cpu_limit",
    "memory_request",
    "memory_limit",
    "exposure",
    "hostname",
    "session_affinity",
)
"""The field ids of the launch form."""


@dataclass(frozen=True, slots=True)
class ScaleRequest:
    """Either a fixed number of ``replicas``, or ``autoscaling``; exactly one is given."""

    replicas: int | None = None
    autoscaling: AutoscalingSpec | None = None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check of the launch form found. ``spec`` is None as long as there are errors."""

    spec: LaunchSpec | None
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class CheckedScale:
    """What a check of the scale control found. ``request`` is None if there are errors."""

    request: ScaleRequest | None
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Preview:
    """What will be sent: the values, and a command that does the same in a terminal."""

    values_yaml: str
    command: str


@dataclass(frozen=True, slots=True)
class Forms:
    """The forms' rules, with what the settings say.

    ``namespaces`` are those offered, the first by default. ``max_replicas`` bounds both
    sliders. ``chart`` is the reference shown in the command.
    """

    namespaces: tuple[str, ...] = ("apps",)
    max_replicas: int = 20
    chart: str = "charts/dash-app"
    presets: tuple[Preset, ...] = ()

    def defaults(self) -> Raw:
        """A new form, filled in with the first preset and sensible values."""
        raise NotImplementedError

    def with_preset(self, raw: Mapping[str, object], name: str) -> Raw:
        """``raw`` with the fields of the preset called ``name`` (unchanged if there is none)."""
        raise NotImplementedError

    def check(self, raw: Mapping[str, object]) -> Checked:
        """Check every field of the launch form; missing ones count as left empty."""
        raise NotImplementedError

    def check_scale(
        self, raw: Mapping[str, object], values: Mapping[str, object] | None = None
    ) -> CheckedScale:
        """Check the scale control.

        Fields: autoscaling, replicas, bounds, target_cpu, target_memory, scale_down_window.
        ``values`` are the release's, to see whether a target has the request that it needs.
        """
        raise NotImplementedError

    def preview(self, spec: LaunchSpec, existing: Mapping[str, object] | None = None) -> Preview:
        """The values and the command of ``spec``, over ``existing`` values when upgrading."""
        raise NotImplementedError

    def prefill(self, key: Key, values: Mapping[str, object]) -> Raw:
        """The form that would give the ``values`` of an existing release."""
        raise NotImplementedError
