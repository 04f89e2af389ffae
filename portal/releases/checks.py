"""Checks of the forms' fields, with messages that say what to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from msgspec import Struct

from portal.autoscaling import lint
from portal.catalog.env_keys import read_keys, read_secrets
from portal.catalog.images import image_problem
from portal.catalog.launch_contents import IMAGE_USER, within
from portal.catalog.launch_field import FieldError, text, whole
from portal.catalog.launch_fields import read_fields
from portal.catalog.values import as_list, as_mapping
from portal.domain import images, names, quantities
from portal.domain.launch import AutoscalingSpec, EnvVar, Exposure, SecretVar, VolumeMount
from portal.domain.namespaces import NamespaceRules
from portal.domain.sizes import Size

MAX_TARGET = 1000
MAX_WINDOW = 3600


class Resources(Struct, frozen=True):
    """Checked quantities as entered; the fields in ``wrong`` were invalid and are "" here."""

    cpu_request: str
    cpu_limit: str
    memory_request: str
    memory_limit: str
    wrong: frozenset[str] = frozenset()


class Check:
    """Reads a raw form, and collects errors and warnings (field id → sentence)."""

    def __init__(self, raw: Mapping[str, object]) -> None:
        self._raw = raw
        self.errors: dict[str, str] = {}
        self.warnings: dict[str, str] = {}

    def _text(self, field: str) -> str:
        try:
            return text(self._raw.get(field))
        except FieldError as error:
            self._error(field, str(error))
            return ""

    def _error(self, field: str, problem: str) -> bool:
        if problem:
            self.errors.setdefault(field, problem)
        return bool(problem)

    def _warn(self, field: str, warning: str) -> None:
        if warning:
            self.warnings.setdefault(field, warning)

    def _whole(self, field: str, value: object, what: str) -> int | None:
        """Return a whole number, None for an empty field; record an error for anything else."""
        try:
            return whole(value, what)
        except FieldError as error:
            self._error(field, str(error))
            return None

    def name(self) -> str:
        """Read field ``name``."""
        name = self._text("name")
        self._error("name", names.release_name_problem(name))
        return name

    def namespace(self, rules: NamespaceRules) -> str:
        """Read field ``namespace``."""
        name = self._text("namespace")
        self._error("namespace", names.namespace_problem(name) or rules.problem(name))
        return name

    def image(self, allowed: tuple[str, ...] = ()) -> tuple[str, str]:
        """Read fields ``repository`` and ``tag``; ``allowed`` are patterns, empty means any."""
        repository, tag = self._text("repository"), self._text("tag")
        if not self._error("repository", images.repository_problem(repository)):
            self._error("repository", image_problem(repository, allowed))
        if not self._error("tag", images.tag_problem(tag)):
            self._warn("tag", images.tag_warning(tag))
        return repository, tag

    def simple(self) -> dict[str, object]:
        """Read all simple fields: their values for the chart, by the field's name."""
        found, errors = read_fields(self._raw)
        for field, problem in errors.items():
            self._error(field, problem)
        return found

    def pod(
        self, fields: Mapping[str, object], resources: Resources, volume: VolumeMount | None
    ) -> None:
        """Check simple fields against each other, the volume and the memory limit."""
        shared, limit = fields.get("shared_memory"), resources.memory_limit
        if shared and limit and quantities.parse(str(shared)) >= quantities.parse(limit):
            self._warn(
                "shared_memory",
                f"This counts as memory, and the memory limit is {limit}: an app that fills it is "
                "killed. Raise the limit.",
            )
        base = fields.get("base_path")
        if base and fields.get("health_path") is None and "base_path" not in self.warnings:
            self._warn(
                "health_path",
                f"An app that is served below {base} often answers there only: then this is "
                f"{base}/.",
            )
        if fields.get("runs_as") == IMAGE_USER:
            self._warn(
                "runs_as",
                "Kubernetes does not start it if that user is root, or has only a name: then give "
                "a number.",
            )
        for each in as_list(fields.get("writable_folders")):
            folder = str(as_mapping(each).get("path"))
            mount = volume.path.rstrip("/") if volume else ""
            if mount and (folder == mount or within(folder, mount) or within(mount, folder)):
                self._error(
                    "writable_folders",
                    f"{folder} and {mount}, where the volume is mounted, are in each other's way.",
                )
            if fields.get("writable_root") is False:
                self._warn(
                    "writable_folders",
                    "What is written elsewhere is lost in the same way when the pod is replaced.",
                )

    def env(self) -> tuple[EnvVar, ...]:
        """Read field ``env``."""
        raw = self._raw.get("env")
        lines = names.parse_env("" if raw is None else str(raw))
        self._error("env", lines.error)
        self._warn("env", lines.warning)
        return lines.variables

    def env_keys(self, env: tuple[EnvVar, ...]) -> tuple[Mapping[str, object], ...]:
        """Read field ``env_keys``: entries of ``extraEnvVars``."""
        try:
            found = read_keys(self._raw.get("env_keys"))
        except FieldError as error:
            self._error("env_keys", str(error))
            return ()
        names = [str(each["name"]) for each in found]
        for each in env:
            if each.name in names:
                self._error("env_keys", f"{each.name} is set above already. Keep one of them.")
        return found

    def secrets(self, env: tuple[EnvVar, ...]) -> tuple[SecretVar, ...]:
        """Read field ``secrets``."""
        try:
            found = read_secrets(self._raw.get("secrets"))
        except FieldError as error:
            self._error("secrets", str(error))
            return ()
        for each in env:
            if each.name in {one.name for one in found}:
                self._error("secrets", f"{each.name} is set above already. Keep one of them.")
        return found

    def resources(self, size: Size | None = None) -> Resources:
        """Read fields ``cpu_request``, ``cpu_limit``, ``memory_request``, ``memory_limit``."""
        if size:
            requests, limits = size.requests, size.limits
            return Resources(
                requests.get("cpu", ""),
                limits.get("cpu", ""),
                requests.get("memory", ""),
                limits.get("memory", ""),
            )
        read: dict[str, str] = {}
        wrong: set[str] = set()
        for kind, problem_of in (
            ("cpu", quantities.cpu_problem),
            ("memory", quantities.memory_problem),
        ):
            for side in ("request", "limit"):
                field = f"{kind}_{side}"
                amount = self._text(field)
                if self._error(field, problem_of(amount)):
                    wrong.add(field)
                    amount = ""
                read[field] = amount
            request, limit = read[f"{kind}_request"], read[f"{kind}_limit"]
            what = "CPU" if kind == "cpu" else "memory"
            self._error(f"{kind}_limit", quantities.limit_problem(request, limit, what))
        if "memory_limit" not in wrong:
            self._warn(
                "memory_limit",
                quantities.memory_warning(read["memory_limit"])
                if read["memory_limit"]
                else "Without a limit a pod that leaks memory can take a whole node's, and other "
                "apps suffer. The request is a good limit to begin with.",
            )
        self._warn("memory_request", quantities.memory_warning(read["memory_request"]))
        return Resources(**read, wrong=frozenset(wrong))

    def size(self, sizes: Sequence[Size]) -> Size | None:
        """Read field ``size``, one of the administrator's sizes; None if the form has its own."""
        name = self._text("size")
        found = next((each for each in sizes if each.name == name), None)
        if name and found is None:
            known = ", ".join(each.name for each in sizes) or "none"
            self._error("size", f"There is no size of this name. There are: {known}.")
        return found

    def exposure(self, has_gateway: bool) -> tuple[Exposure, str]:
        """Read fields ``exposure`` and ``hostname``."""
        chosen, hostname = self._text("exposure"), self._text("hostname").rstrip(".")
        try:
            exposure = Exposure(chosen)
        except ValueError:
            self._error("exposure", "Choose how the app is to be reached.")
            return Exposure.CLUSTER_IP, ""
        if exposure is Exposure.HTTP_ROUTE and not has_gateway:
            self._error(
                "exposure",
                "The portal knows no Gateway for HTTPRoutes. Choose another way, or ask an "
                "administrator to set one.",
            )
        if exposure.needs_hostname:
            self._error("hostname", names.hostname_problem(hostname))
            return exposure, hostname
        if hostname:
            self._warn("hostname", f"A host name has no effect with {exposure}.")
        if self._text("base_path"):
            self._warn("base_path", f"A base path has no effect with {exposure}.")
        return exposure, ""

    def volume(self) -> VolumeMount | None:
        """Read fields ``claim``, ``mount_path`` and ``read_only``; None without a claim."""
        claim, path = self._text("claim"), self._text("mount_path")
        if not claim:
            return None
        self._error("claim", names.claim_problem(claim))
        self._error("mount_path", names.mount_path_problem(path))
        return VolumeMount(claim, path, bool(self._raw.get("read_only")))

    def scaling(
        self, max_replicas: int, resources: Resources | None
    ) -> tuple[int, AutoscalingSpec | None]:
        """Read the replicas and, if it is switched on, the autoscaler.

        With ``resources`` None the requests are unknown and not checked.
        """
        if not self._raw.get("autoscaling"):
            return self._replicas(max_replicas), None
        low, high = self._bounds(max_replicas)
        cpu, memory = self._target("target_cpu", "CPU"), self._target("target_memory", "memory")
        window = self._window()
        if (
            cpu is None
            and memory is None
            and not {"target_cpu", "target_memory"} & set(self.errors)
        ):
            self._error(
                "target_cpu",
                "An autoscaler needs a target: set one for CPU, for memory, or for both.",
            )
        self._lint(
            lint.Setup(
                low,
                high,
                {
                    resource: target
                    for resource, target in (("cpu", cpu), ("memory", memory))
                    if target is not None
                },
                _amounts(resources) if resources else {},
            )
        )
        # The fixed number is kept for when the autoscaler is switched off again.
        fixed = self._raw.get("replicas")
        replicas = low
        if isinstance(fixed, int) and not isinstance(fixed, bool) and 0 <= fixed <= max_replicas:
            replicas = fixed
        return replicas, AutoscalingSpec(low, high, cpu, memory, window)

    def _replicas(self, max_replicas: int) -> int:
        replicas = self._whole("replicas", self._raw.get("replicas"), "The number of replicas")
        if "replicas" in self.errors:
            return 0
        if replicas is None:
            self._error("replicas", "Say how many pods the app is to have.")
            return 0
        if not 0 <= replicas <= max_replicas:
            self._error("replicas", f"Choose between 0 and {max_replicas} replicas.")
        if replicas == 0:
            self._warn("replicas", "With 0 replicas no pod runs and the app does not answer.")
        return replicas

    def _bounds(self, max_replicas: int) -> tuple[int, int]:
        given = self._raw.get("bounds")
        pair = cast("list[object]", given) if isinstance(given, list | tuple) else []
        if len(pair) != 2:
            self._error("bounds", "Give the minimum and the maximum replicas.")
            return 1, 1
        low = self._whole("bounds", pair[0], "The minimum number of replicas")
        high = self._whole("bounds", pair[1], "The maximum number of replicas")
        if low is None or high is None:
            self._error("bounds", "Give the minimum and the maximum replicas.")
            return 1, 1
        if low > high:
            self._error("bounds", f"The minimum ({low}) is above the maximum ({high}): swap them.")
        elif low < 1:
            self._error("bounds", "An autoscaler keeps at least 1 pod: raise the minimum to 1.")
        elif high > max_replicas:
            self._error(
                "bounds",
                f"At most {max_replicas} pods are allowed: lower the maximum to {max_replicas}.",
            )
        return low, high

    def _target(self, field: str, what: str) -> int | None:
        target = self._whole(field, self._raw.get(field), f"The {what} target")
        if target is not None and not 1 <= target <= MAX_TARGET:
            self._error(field, f"A target is a percentage of the request, from 1 to {MAX_TARGET}.")
        return target

    def _window(self) -> int | None:
        field = "scale_down_window"
        window = self._whole(field, self._raw.get(field), "The scale-down stabilization window")
        if window is not None and not 0 <= window <= MAX_WINDOW:
            self._error(field, f"Choose between 0 and {MAX_WINDOW} seconds.")
        return window

    def _lint(self, setup: lint.Setup) -> None:
        """Record the findings about an autoscaler, each beside its first field."""
        for each in lint.lint(setup):
            field, text = each.fields[0], f"{each.reason} {each.remedy}"
            if each.level is lint.Level.ERROR:
                self._error(field, text)
            elif field not in self.errors:
                self._warn(field, text)


def _amounts(resources: Resources) -> dict[str, lint.Amounts]:
    """Return requests and limits as numbers, of each resource whose fields are valid."""
    return {
        kind: lint.Amounts(_number(request), _number(limit))
        for kind, request, limit in (
            ("cpu", resources.cpu_request, resources.cpu_limit),
            ("memory", resources.memory_request, resources.memory_limit),
        )
        if not {f"{kind}_request", f"{kind}_limit"} & resources.wrong
    }


def _number(amount: str) -> float | None:
    return float(quantities.parse(amount)) if amount else None
