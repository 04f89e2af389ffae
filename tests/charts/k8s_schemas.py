"""Manifests against the schemas of Kubernetes and of CRDs, as strict as the API server.

The schemas come with the published Go modules, at the versions that the test cluster runs:
k8s.io/kubernetes carries its OpenAPI documents, the others their CRDs. Unknown fields
are errors, and so are two entries with the same key in a list that is keyed, such as ``env``.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import jsonschema
import yaml
from jsonschema.exceptions import best_match

from dev.cluster import binaries
from dev.cluster.paths import Layout
from dev.cluster.settings import GATEWAY_API_VERSION
from dev.scalers.build import KEDA, VPA

KUBERNETES = "k8s.io/kubernetes"
GATEWAY_API = f"sigs.k8s.io/gateway-api@{GATEWAY_API_VERSION}"

CRDS = {
    "gateway.networking.k8s.io": (GATEWAY_API, "config/crd/standard/{group}_{kind}s.yaml"),
    "keda.sh": (KEDA.source, "config/crd/bases/{group}_{kind}s.yaml"),
    "autoscaling.k8s.io": (VPA.source, "deploy/vpa-v1-crd-gen.yaml"),
}
"""By API group, the module that carries its CRDs, and their files."""

Json = dict[str, Any]


def validate(manifest: Json) -> list[str]:
    """Return what is wrong with a manifest, each as ``path: message``; empty when it is right.

    A kind without a schema (a custom resource, except those of ``CRDS``) is itself an error.
    """
    where = f"{manifest.get('kind')}/{manifest.get('metadata', {}).get('name')}"
    try:
        validator = _validator(manifest["apiVersion"], manifest["kind"])
    except KeyError as error:
        return [f"{where}: no schema or no {error}"]
    errors = sorted(validator.iter_errors(manifest), key=lambda error: list(error.absolute_path))
    found = [f"{where} {error.json_path}: {error.message}" for error in map(_deepest, errors)]
    found += [
        f"{where} {problem}"
        for problem in _duplicates(manifest, cast("Json", validator.schema), "$")
    ]
    return found


def schema_for(api_version: str, kind: str) -> Json:
    """Return the strict JSON schema of a kind. Raises KeyError when there is none."""
    return cast("Json", _validator(api_version, kind).schema)


def _deepest(error: jsonschema.ValidationError) -> jsonschema.ValidationError:
    """Return the cause of an error inside an ``anyOf`` or ``oneOf`` that is easiest to read."""
    return best_match([error]) or error


@functools.cache
def _validator(api_version: str, kind: str) -> jsonschema.Draft202012Validator:
    group, _, version = api_version.rpartition("/")
    if group in CRDS:
        return jsonschema.Draft202012Validator(_crd_schema(group, version, kind))
    components = _components(api_version)
    for name, schema in components.items():
        for gvk in schema.get("x-kubernetes-group-version-kind", []):
            if (gvk["group"], gvk["version"], gvk["kind"]) == (group, version, kind):
                root = {"$ref": f"#/components/schemas/{name}"}
                return jsonschema.Draft202012Validator(
                    {**root, "components": {"schemas": components}}
                )
    raise KeyError(f"{api_version} {kind}")


@functools.cache
def _components(api_version: str) -> dict[str, Json]:
    """Return the schemas of one API version, made strict. Raises KeyError if there is none."""
    name = api_version.replace("/", "__")
    prefix = "apis__" if "/" in api_version else "api__"
    file = _module(KUBERNETES) / "api/openapi-spec/v3" / f"{prefix}{name}_openapi.json"
    if not file.exists():
        raise KeyError(api_version)
    schemas: dict[str, Json] = json.loads(file.read_text())["components"]["schemas"]
    return {name: _strict(schema) for name, schema in schemas.items()}


def crd_of(group: str, kind: str) -> Json:
    """Return the CustomResourceDefinition of a kind. Raises KeyError when there is none."""
    module, file = CRDS[group]
    path = _module(module) / file.format(group=group, kind=kind.lower())
    if not path.exists():
        raise KeyError(kind)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    for crd in yaml.load_all(path.read_text(), Loader=loader):
        if crd and crd["spec"]["names"]["kind"] == kind:
            return cast("Json", crd)
    raise KeyError(kind)


def _crd_schema(group: str, version: str, kind: str) -> Json:
    for served in crd_of(group, kind)["spec"]["versions"]:
        if served["name"] == version:
            schema = _strict(served["schema"]["openAPIV3Schema"])
            components = _components("apps/v1")
            meta = "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"
            schema["properties"]["metadata"] = {"$ref": meta}
            return {**schema, "components": {"schemas": components}}
    raise KeyError(version)


def _strict(schema: Any) -> Any:
    """Close every object that lists its properties; spell out what OpenAPI says its own way."""
    if isinstance(schema, list):
        return [_strict(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out = {key: _strict(value) for key, value in schema.items()}
    if isinstance(out.get("properties"), dict) and "type" in out:
        if not out.get("x-kubernetes-preserve-unknown-fields"):
            out.setdefault("additionalProperties", False)
        if out.get("nullable"):
            out["type"] = [out["type"], "null"]
    if out.get("format") == "int-or-string" or out.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    return out


def _duplicates(value: Any, schema: Json, path: str, root: Json | None = None) -> Iterator[str]:
    """Yield keyed lists that hold the same key twice: a server-side apply refuses them."""
    root = root or schema
    for part in [schema, *schema.get("allOf", [])]:
        resolved = _resolve(part, root)
        if isinstance(value, dict):
            properties = resolved.get("properties", {})
            for key, child in value.items():
                if key in properties:
                    yield from _duplicates(child, properties[key], f"{path}.{key}", root)
        elif isinstance(value, list) and "items" in resolved:
            keys = resolved.get("x-kubernetes-list-map-keys", [])
            seen: set[str] = set()
            for index, child in enumerate(value):
                identity = json.dumps([child.get(key) for key in keys]) if keys else str(index)
                if identity in seen:
                    yield f"{path}[{index}]: the key {identity} occurs twice"
                seen.add(identity)
                yield from _duplicates(child, resolved["items"], f"{path}[{index}]", root)


def _resolve(schema: Json, root: Json) -> Json:
    if "$ref" not in schema:
        return schema
    return root["components"]["schemas"][schema["$ref"].rpartition("/")[2]]


@functools.cache
def _module(module: str) -> Path:
    """Return a Go module's folder in the module cache, downloading it if it is not there."""
    path, _, version = module.partition("@")
    if not version:
        go_mod = (binaries.HERE / "go.mod").read_text()
        found = re.search(rf"^\s*{re.escape(path)} (v\S+)", go_mod, re.MULTILINE)
        assert found, f"go.mod does not name {path}"
        version = found[1]
    return binaries.module_dir(Layout.default(), path, version)
