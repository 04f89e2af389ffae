"""Makes images out of a base that the registry has: one small layer and a configuration each.

Nothing is built: the layer is a tar of a few text files, the configuration the base's with another
command, and both go to the registry over its HTTP interface. An image takes some ten milliseconds.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import json
import os
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
_INDEX = "application/vnd.oci.image.index.v1+json"
_CONFIG = "application/vnd.oci.image.config.v1+json"
_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


@dataclass(frozen=True, slots=True)
class File:
    """A file of an image, as ``COPY`` makes it: of root, readable to all."""

    content: str | bytes
    mode: int = 0o644
    owner: int = 0


@dataclass(frozen=True, slots=True)
class Image:
    """An image in the words of a Dockerfile; what is empty is not written in it.

    ``files`` are by absolute path. With ``index`` the tag leads to an index that has the image for
    its one ``architecture``. ``ballast`` is the size of one more layer that does not compress, in
    bytes.
    """

    cmd: tuple[str, ...] = ("python3", "app.py")
    entrypoint: tuple[str, ...] = ()
    files: Mapping[str, File] = field(default_factory=dict[str, File])
    user: str = ""
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    ports: tuple[int, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    architecture: str = ""
    index: bool = False
    ballast: int = 0


class Registry:
    """The repository ``repository`` of a registry at ``host:port``; images stand on ``base``."""

    def __init__(self, host: str, base: str, repository: str) -> None:
        self._connection = http.client.HTTPConnection(host, timeout=60)
        name, _, tag = base.rpartition(":")
        self._base_name, self._repository = name, repository
        self._base: dict[str, Any] = json.loads(self._get(f"{name}/manifests/{tag}"))
        config = self._base["config"]["digest"]
        self._base_config: dict[str, Any] = json.loads(self._get(f"{name}/blobs/{config}"))
        self._stored: set[str] = set()

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def put(self, name: str, image: Image) -> str:
        """Have ``image`` in the repository; returns its tag: ``name``, and what it holds.

        Nodes keep images by their tags.
        """
        layers: list[dict[str, Any]] = [*self._base["layers"]]
        contents: list[str] = [*self._base_config["rootfs"]["diff_ids"]]
        for layer in layers:
            self._mount(layer["digest"])
        added = [_tar(image.files)] if image.files else []
        if image.ballast:
            added.append(_tar({"/ballast": File(os.urandom(image.ballast))}))
        for tar in added:
            packed = gzip.compress(tar, compresslevel=1, mtime=0)
            contents.append(_digest(tar))
            layers.append(self._described(_LAYER, packed))
        config = json.dumps(self._configuration(image, contents)).encode()
        manifest = {
            "schemaVersion": 2,
            "mediaType": _MANIFEST,
            "config": self._described(_CONFIG, config),
            "layers": layers,
        }
        tag = f"{name}-{_digest(json.dumps(manifest).encode())[7:15]}"
        if image.index:
            platform = {"architecture": image.architecture, "os": "linux"}
            inner = {**self._manifest(manifest), "platform": platform}
            self._manifest({"schemaVersion": 2, "mediaType": _INDEX, "manifests": [inner]}, tag)
        else:
            self._manifest(manifest, tag)
        return tag

    def _manifest(self, manifest: dict[str, Any], tag: str = "") -> dict[str, Any]:
        """Have a manifest in the repository, by its digest unless it has a tag."""
        body = json.dumps(manifest).encode()
        path = f"{self._repository}/manifests/{tag or _digest(body)}"
        self._send("PUT", path, body, manifest["mediaType"])
        return {"mediaType": manifest["mediaType"], "digest": _digest(body), "size": len(body)}

    def _configuration(self, image: Image, contents: list[str]) -> dict[str, Any]:
        inherited: dict[str, Any] = self._base_config.get("config") or {}
        environment = [*(inherited.get("Env") or ()), *(f"{k}={v}" for k, v in image.env.items())]
        return {
            "architecture": image.architecture or self._base_config["architecture"],
            "os": self._base_config["os"],
            "rootfs": {"type": "layers", "diff_ids": contents},
            "config": {
                "Cmd": list(image.cmd) or None,
                "Entrypoint": list(image.entrypoint) or None,
                "User": image.user,
                "Env": environment,
                "ExposedPorts": {f"{port}/tcp": {} for port in image.ports},
                "Labels": dict(image.labels),
                "WorkingDir": "/app",
            },
        }

    def _described(self, media_type: str, blob: bytes) -> dict[str, Any]:
        """Have the blob in the repository; returns its descriptor."""
        digest = _digest(blob)
        if digest not in self._stored:
            headers, _ = self._send("POST", f"{self._repository}/blobs/uploads/")
            place = headers["Location"].partition("/v2/")[2]
            joint = "&" if "?" in place else "?"
            self._send("PUT", f"{place}{joint}digest={digest}", blob, "application/octet-stream")
            self._stored.add(digest)
        return {"mediaType": media_type, "digest": digest, "size": len(blob)}

    def _mount(self, digest: str) -> None:
        if digest not in self._stored:
            query = f"mount={digest}&from={self._base_name}"
            self._send("POST", f"{self._repository}/blobs/uploads/?{query}")
            self._stored.add(digest)

    def _get(self, path: str) -> bytes:
        return self._send("GET", path, accept=_MANIFEST)[1]

    def _send(
        self, method: str, path: str, body: bytes = b"", content_type: str = "", accept: str = "*/*"
    ) -> tuple[http.client.HTTPMessage, bytes]:
        headers = {"Accept": accept, **({"Content-Type": content_type} if content_type else {})}
        self._connection.request(method, f"/v2/{path}", body, headers)
        answer = self._connection.getresponse()
        content = answer.read()
        if answer.status >= 300:
            raise OSError(f"{method} {path}: {answer.status} {content[:300]!r}")
        return answer.headers, content


def _tar(files: Mapping[str, File]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as tar:
        folders = {parent for path in files for parent in _parents(path.strip("/")) if parent}
        for folder in sorted(folders):
            entry = tarfile.TarInfo(folder)
            # As in every base image, root's home is root's alone.
            entry.type, entry.mode = tarfile.DIRTYPE, 0o700 if folder == "root" else 0o755
            tar.addfile(entry)
        for path, file in files.items():
            content = file.content.encode() if isinstance(file.content, str) else file.content
            entry = tarfile.TarInfo(path.strip("/"))
            entry.size, entry.mode = len(content), file.mode
            entry.uid = entry.gid = file.owner
            tar.addfile(entry, io.BytesIO(content))
    return made.getvalue()


def _parents(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[: number + 1]) for number in range(len(parts))]


def _digest(blob: bytes) -> str:
    return f"sha256:{hashlib.sha256(blob).hexdigest()}"
