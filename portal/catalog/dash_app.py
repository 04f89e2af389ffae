"""The built-in chart: conversion between launch requests and values."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence

from msgspec import Struct

from portal.catalog.env_keys import key_line, show_keys
from portal.catalog.launch_fields import (
    DEFAULT_MOUNT_PATH,
    SIMPLE_FIELDS,
    show_fields,
    split_changes,
    write_fields,
)
from portal.catalog.sizes import beyond_fields, size_of, without_size, write_size
from portal.catalog.values import (
    Values,
    as_list,
    as_mapping,
    get,
    has,
    overlay,
    put,
    to_yaml,
    without,
)
from portal.domain.images import is_digest
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import AutoscalingSpec, Exposure, LaunchSpec, VolumeMount
from portal.domain.names import fits_env_line
from portal.domain.quantities import parse, plain_cpu, plain_memory
from portal.domain.secrets import HIDDEN, redacted
from portal.domain.sizes import Size

CHART_NAME = "dash-app"
DEFAULT_TAG = "latest"

_WINDOW = "autoscaling.behavior.scaleDown.stabilizationWindowSeconds"

_OWNED = (
    "image.registry",
    "image.repository",
    "image.tag",
    "image.digest",
    "extraEnvVars",
    "resources.requests.cpu",
    "resources.requests.memory",
    "resources.limits.cpu",
    "resources.limits.memory",
    "service.type",
    "ingress.enabled",
    "ingress.hostname",
    "httpRoute.enabled",
    "httpRoute.hostnames",
)
"""Values that belong to the form: those that it does not set are removed when it is applied."""

_CLAIM = "persistence.existingClaim"
_VOLUME = {
    _CLAIM: "",
    "persistence.mountPath": DEFAULT_MOUNT_PATH,
    "persistence.readOnly": False,
}
"""Values that the form sets for a volume, with the chart's defaults."""

_QUANTITIES = tuple(
    f"resources.{which}.{what}" for which in ("requests", "limits") for what in ("cpu", "memory")
)
_KEPT_IF_SET = ("ingress.ingressClassName", "ingress.tls", "httpRoute.parentRefs")
"""Values that come from the portal's settings unless the release has its own."""

FORM_PATHS = (
    *_OWNED,
    *_VOLUME,
    *_KEPT_IF_SET,
    *(path for each in SIMPLE_FIELDS for path in each.owned),
    "replicaCount",
    "autoscaling.enabled",
    "autoscaling.minReplicas",
    "autoscaling.maxReplicas",
    "autoscaling.targetCPU",
    "autoscaling.targetMemory",
    _WINDOW,
)
"""Every values path that a form can set."""


class ExposureSettings(Struct, frozen=True):
    """Settings for exposing apps in this cluster.

    ``gateway`` is ``namespace/name`` of the Gateway for HTTPRoutes, or with a listener
    ``namespace/name/listener``; "" if there is none. ``ingress_class`` "" is the default class.
    """

    ingress_class: str = ""
    ingress_tls: bool = False
    gateway: str = ""

    def parent_refs(self) -> list[Values]:
        """``gateway`` as the chart's ``httpRoute.parentRefs``."""
        parts = self.gateway.split("/")
        if len(parts) < 2:
            return []
        names = ("namespace", "name", "sectionName")
        return [dict(zip(names, parts, strict=False))]


def to_values(spec: LaunchSpec, launched_by: str, site: ExposureSettings | None = None) -> Values:
    """The chart's values for ``spec``; those left out have the chart's defaults.

    With ``launched_by`` "" nothing records who launched the app.
    """
    site = site or ExposureSettings()
    digest = is_digest(spec.tag)
    values: Values = {
        "image": {
            "repository": spec.repository,
            **({"tag": "", "digest": spec.tag} if digest else {"tag": spec.tag}),
        },
        "replicaCount": spec.replicas,
    }
    write_fields(values, spec.fields)
    put_autoscaling(values, spec.autoscaling)
    values["resources"] = _resources(spec)
    if spec.size:
        write_size(values, spec.size)
    exposure = spec.exposure
    values["service"] = {
        "type": str(Exposure.CLUSTER_IP) if exposure.needs_hostname else str(exposure)
    }
    if exposure is Exposure.INGRESS:
        ingress = as_mapping(values.get("ingress")) | {"enabled": True, "hostname": spec.hostname}
        if site.ingress_class:
            ingress["ingressClassName"] = site.ingress_class
        if site.ingress_tls:
            ingress["tls"] = True
        values["ingress"] = ingress
    if exposure is Exposure.HTTP_ROUTE:
        values["httpRoute"] = as_mapping(values.get("httpRoute")) | {
            "enabled": True,
            "parentRefs": site.parent_refs(),
            "hostnames": [spec.hostname],
        }
    if spec.volume:
        values["persistence"] = _persistence(spec.volume)
    if spec.env or spec.env_keys:
        values["extraEnvVars"] = [
            *({"name": each.name, "value": each.value} for each in spec.env),
            *map(dict, spec.env_keys),
        ]
    if launched_by:
        values["commonAnnotations"] = {LAUNCHED_BY: launched_by}
    return values


def _persistence(volume: VolumeMount) -> Values:
    return {
        "existingClaim": volume.claim,
        "mountPath": volume.path,
        "readOnly": volume.read_only,
    }


def _resources(spec: LaunchSpec) -> Values:
    # An explicit null removes the chart's default request, so that an empty field means none.
    requests: Values = {
        "cpu": plain_cpu(spec.cpu_request) or None,
        "memory": plain_memory(spec.memory_request) or None,
    }
    limits: Values = {}
    if spec.cpu_limit:
        limits["cpu"] = plain_cpu(spec.cpu_limit)
    if spec.memory_limit:
        limits["memory"] = plain_memory(spec.memory_limit)
    return {"requests": requests, **({"limits": limits} if limits else {})}


def put_autoscaling(values: Values, autoscaling: AutoscalingSpec | None) -> None:
    """Set the autoscaler in ``values``; None turns it off and keeps its bounds."""
    put(values, "autoscaling.enabled", autoscaling is not None)
    if autoscaling is None:
        return
    put(values, "autoscaling.minReplicas", autoscaling.min_replicas)
    put(values, "autoscaling.maxReplicas", autoscaling.max_replicas)
    put(values, "autoscaling.targetCPU", autoscaling.target_cpu)
    put(values, "autoscaling.targetMemory", autoscaling.target_memory)
    if autoscaling.scale_down_window is not None:
        put(values, _WINDOW, autoscaling.scale_down_window)


def merge(
    existing: Mapping[str, object], new: Mapping[str, object], sizes: Sequence[Size] = ()
) -> Values:
    """``new`` values from the form over those of a release; values without a field are kept.

    These include variables from Secrets and ConfigMaps, further host names, and who launched
    the app first.
    """
    if size_of(existing, sizes) or beyond_fields(new):
        existing = without_size(existing)
    kept, new = split_changes(existing, new)
    kept = without(kept, _OWNED)
    if get(new, "service.type") == Exposure.CLUSTER_IP:
        kept = without(kept, ["service.nodePort"])  # the chart refuses the two together
    if get(new, "autoscaling.enabled") and not has(new, _WINDOW):
        kept = without(kept, [_WINDOW])
    if get(existing, _CLAIM):
        kept = without(kept, _VOLUME)
    result = overlay(kept, new)
    for path in _KEPT_IF_SET:
        if has(kept, path) and get(kept, path):
            put(result, path, get(kept, path))
    for path in _QUANTITIES:
        # Keep the old notation of an equal quantity, so that comparing values shows no change.
        if _same_quantity(get(existing, path), get(new, path)):
            put(result, path, get(existing, path))
    if get(new, _CLAIM):
        # A default that the release leaves out stays left out.
        defaults = [path for path, default in _VOLUME.items() if get(new, path) == default]
        result = without(result, [path for path in defaults if not has(existing, path)])
    if get(new, "image.digest") and get(new, "image.digest") == get(existing, "image.digest"):
        put(result, "image.tag", get(existing, "image.tag", ""))  # the form shows the digest alone
    hosts = as_list(get(existing, "httpRoute.hostnames"))
    if get(new, "httpRoute.enabled") and len(hosts) > 1:
        ours = as_list(get(new, "httpRoute.hostnames"))
        put(result, "httpRoute.hostnames", [*ours, *(h for h in hosts[1:] if h not in ours)])
    variables = _variables(
        as_list(get(existing, "extraEnvVars")), as_list(get(new, "extraEnvVars"))
    )
    if variables:
        result["extraEnvVars"] = variables
    return result


def _same_quantity(one: object, other: object) -> bool:
    try:
        return None not in {one, other} and parse(str(one)) == parse(str(other))
    except ValueError:
        return False


def _variables(existing: list[object], new: list[object]) -> list[object]:
    """The form's variables in its order, with those it cannot show in their old places.

    The order matters: a variable may refer to earlier ones.
    """
    names = {as_mapping(each).get("name") for each in new}
    result: list[object] = []
    plain = iter([each for each in new if not key_line(each)])
    keys = iter([each for each in new if key_line(each)])
    for each in existing:
        if in_form(each) or key_line(each):
            following = next(keys if key_line(each) else plain, None)
            result += [] if following is None else [following]
        elif as_mapping(each).get("name") not in names:
            result.append(each)
    return [*result, *plain, *keys]


def in_form(variable: object) -> bool:
    """Return True if a line of the form can hold this entry of ``extraEnvVars``."""
    entry = as_mapping(variable)
    name, value = str(entry.get("name", "")), str(entry.get("value", ""))
    return "valueFrom" not in entry and fits_env_line(name, value)


def shown_in_form(values: Mapping[str, object]) -> Values:
    """``values`` with secrets replaced, and without variables that the form cannot show."""
    hidden = as_mapping(redacted(values))
    real = as_list(values.get("extraEnvVars"))
    if real:
        variables = zip(as_list(hidden["extraEnvVars"]), real, strict=True)
        hidden["extraEnvVars"] = [each for each, was in variables if in_form(was) or key_line(was)]
    return hidden


def scaled(
    values: Mapping[str, object], replicas: int | None, autoscaling: AutoscalingSpec | None
) -> Values:
    """``values`` with only the number of replicas or the autoscaler changed."""
    result = overlay(values, {})
    if autoscaling is not None and autoscaling.scale_down_window is None:
        result = without(result, [_WINDOW])
    put_autoscaling(result, autoscaling)
    if autoscaling is None and replicas is not None:
        result["replicaCount"] = replicas
    return result


def is_autoscaled(values: Mapping[str, object]) -> bool:
    """Return True if these values enable the autoscaler."""
    return get(values, "autoscaling.enabled") is True


def image(values: Mapping[str, object]) -> str:
    """The image reference that these values name."""
    registry, repository = get(values, "image.registry"), get(values, "image.repository", "")
    tag, digest = get(values, "image.tag", DEFAULT_TAG), get(values, "image.digest")
    name = f"{registry}/{repository}" if registry else f"{repository}"
    return name + (f":{tag}" if tag else "") + (f"@{digest}" if digest else "")


def from_values(key: Key, values: Mapping[str, object]) -> dict[str, object]:
    """The raw launch form for a release's ``values``, with the chart's defaults for the rest."""
    registry = str(get(values, "image.registry", ""))
    repository = str(get(values, "image.repository", ""))
    exposure = str(get(values, "service.type", Exposure.LOAD_BALANCER))
    hostname = ""
    if get(values, "ingress.enabled") is True:
        exposure, hostname = str(Exposure.INGRESS), str(get(values, "ingress.hostname", ""))
    elif get(values, "httpRoute.enabled") is True:
        hosts = as_list(get(values, "httpRoute.hostnames"))
        exposure, hostname = str(Exposure.HTTP_ROUTE), str(hosts[0]) if hosts else ""
    autoscaled = is_autoscaled(values)
    cpu_default = None if has(values, "autoscaling.targetCPU") else 70
    return {
        "name": key.name,
        "namespace": key.namespace,
        "repository": f"{registry}/{repository}" if registry else repository,
        "tag": str(get(values, "image.digest", "") or get(values, "image.tag", DEFAULT_TAG)),
        "env": "\n".join(
            f"{as_mapping(each).get('name')}={as_mapping(each).get('value', '')}"
            for each in as_list(get(values, "extraEnvVars"))
            if in_form(each)
        ),
        "env_keys": show_keys(values),
        "secrets": "",
        "replicas": get(values, "replicaCount", 1),
        "autoscaling": autoscaled,
        "bounds": [
            get(values, "autoscaling.minReplicas", 1),
            get(values, "autoscaling.maxReplicas", 4),
        ],
        "target_cpu": get(values, "autoscaling.targetCPU", cpu_default),
        "target_memory": get(values, "autoscaling.targetMemory"),
        "scale_down_window": get(values, _WINDOW),
        "cpu_request": _quantity(values, "resources.requests.cpu", "100m"),
        "cpu_limit": _quantity(values, "resources.limits.cpu", ""),
        "memory_request": _quantity(values, "resources.requests.memory", "128Mi"),
        "memory_limit": _quantity(values, "resources.limits.memory", ""),
        "exposure": exposure,
        "hostname": hostname,
        "claim": str(get(values, "persistence.existingClaim", "")),
        "mount_path": str(get(values, "persistence.mountPath", DEFAULT_MOUNT_PATH)),
        "read_only": get(values, "persistence.readOnly") is True,
    } | show_fields(values)


def _quantity(values: Mapping[str, object], path: str, default: str) -> str:
    """The quantity at ``path``; "" for an explicit null, ``default`` where it is absent."""
    return str(get(values, path, "" if has(values, path) else default))


def equivalent_command(key: Key, chart: str, values: Mapping[str, object]) -> str:
    """An equivalent ``helm upgrade --install`` command, to paste into a POSIX shell."""
    # No line of this YAML is a bare word, so none can end the here-document early.
    text = to_yaml(values)
    note = f"# First write the secrets in place of {HIDDEN}.\n" if HIDDEN in text else ""
    return (
        f"{note}helm upgrade --install {shlex.quote(key.name)} {shlex.quote(chart)} \\\n"
        f"  --namespace {shlex.quote(key.namespace)} --reset-values \\\n"
        f"  --values - <<'EOF'\n{text}EOF\n"
    )
