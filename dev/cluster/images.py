"""Build images and put them where the cluster finds them: the registry on ``localhost:5000``.

Builds use buildah without any daemon. What they download they trust and fetch the way this
machine does, by mounts that leave nothing in the image.
"""

from __future__ import annotations

import configparser
import io
import json
import sys
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

from dev.cluster import kind, registry, settings
from dev.cluster.choose import How, recorded
from dev.cluster.context import LABEL, inputs_hash
from dev.cluster.errors import ClusterError
from dev.cluster.packages import which
from dev.cluster.paths import Layout
from dev.cluster.run import run

#: pip's options that say how to reach an index, and so matter inside a build too.
PIP_OPTIONS = frozenset(
    (
        "index-url",
        "extra-index-url",
        "trusted-host",
        "cert",
        "client-cert",
        "proxy",
        "timeout",
        "default-timeout",
        "retries",
        "find-links",
        "no-index",
        "disable-pip-version-check",
    )
)
CERTIFICATES = Path("/etc/ssl/certs")

Note = Callable[[str], None]


def buildah(layout: Layout) -> list[str]:
    """buildah with its own storage, apart from the user's images."""
    program = which("buildah")
    if program is None:
        raise ClusterError("buildah is missing", hint="run `python -m dev.cluster up` first")
    return [program, "--root", str(layout.buildah_root), "--runroot", str(layout.buildah_run)]


def build_image(
    context: Path,
    dockerfile: Path,
    tag: str,
    build_args: Mapping[str, str] | None = None,
    *,
    note: Note | None = None,
    layout: Layout | None = None,
) -> bool:
    """Build ``tag`` and put it into the local registry; False when nothing had changed.

    ``tag`` is the whole name, as ``localhost:5000/dash-portal:dev``. An image of the same inputs
    (context less ``.dockerignore``, Dockerfile, arguments, base images) is not built again.
    """
    layout = layout or Layout.default()
    note = note or (lambda _text: None)
    args = dict(build_args or {})
    if recorded(layout) is How.KIND:
        kind.build(context, dockerfile, tag, args)
        return True
    bases = [registry.digest(v) or "" for v in args.values() if v.startswith(settings.REGISTRY)]
    inputs = inputs_hash(context, dockerfile, args, bases)
    if registry.labels(tag).get(LABEL) == inputs:
        note("unchanged")
        return False
    pip = layout.buildah_run.parent / "pip.conf"
    pip.parent.mkdir(parents=True, exist_ok=True)
    text, directories = pip_config(_pip_settings())
    pip.write_text(text)
    pip.chmod(0o600)
    mounts = {CERTIFICATES: CERTIFICATES, pip: Path("/etc/pip.conf")}
    mounts |= {Path(directory): Path(directory) for directory in directories}
    argv = [*buildah(layout), "bud", "--isolation", "chroot", "--layers", "--format", "oci"]
    argv += ["--tls-verify=false", "--label", f"{LABEL}={inputs}"]
    for source, target in mounts.items():
        argv += ["-v", f"{source}:{target}:ro"]
    for name, value in args.items():
        argv += ["--build-arg", f"{name}={value}"]
    log = layout.cache_logs / f"image-{registry.split(tag)[0].replace('/', '-')}.log"
    run(
        [*argv, "-t", tag, "-f", dockerfile, context],
        what=f"building {tag}",
        log=log,
        on_line=lambda line: note(line.strip()[:70]),
    )
    note("pushing")
    push(layout, tag, log)
    return True


def python_base(layout: Layout | None = None) -> str | None:
    """The image to build Python images on; None where the Dockerfile's own choice can be had."""
    kind_way = recorded(layout or Layout.default()) is How.KIND
    return None if kind_way else settings.PYTHON_BASE_IMAGE


def push(layout: Layout, tag: str, log: Path) -> None:
    """From our buildah storage into the local registry."""
    # The registry is on this machine: compressing well for it only costs time.
    argv = [*buildah(layout), "push", "--tls-verify=false", "--compression-level", "1"]
    hint = "is the registry up? `python -m dev.cluster status`"
    run([*argv, tag, f"docker://{tag}"], what=f"pushing {tag}", log=log, hint=hint)


def pip_config(options: Mapping[str, str]) -> tuple[str, list[str]]:
    """A pip.conf with the options that matter in a build, and the directories it points to."""
    kept = {name: value for name, value in sorted(options.items()) if name in PIP_OPTIONS}
    links = kept.get("find-links", "").split()
    directories = [link for link in links if link.startswith("/") and Path(link).is_dir()]
    parser = configparser.RawConfigParser()
    parser["global"] = kept
    out = io.StringIO()
    parser.write(out)
    return out.getvalue(), directories


def parse_pip_list(text: str) -> dict[str, str]:
    """``pip config list``'s lines as options; the environment wins, as it does in pip."""
    options: dict[str, str] = {}
    environment: dict[str, str] = {}
    for line in text.splitlines():
        name, equals, value = line.partition("=")
        section, dot, option = name.rpartition(".")
        if not (equals and dot):
            continue
        value = value.strip().strip("'\"")
        if section == ":env:":
            environment[option] = value
        elif section in {"global", "install"}:
            options[option] = value
    return options | environment


def _pip_settings() -> dict[str, str]:
    argv = [sys.executable, "-m", "pip", "config", "list"]
    return parse_pip_list(run(argv, what="pip config list", check=False))


def load(image: str, layout: Layout, note: Note) -> str:
    """Put an image made elsewhere into the local registry; returns the name to use in a pod.

    ``image`` is an archive of ``docker save`` or in OCI layout, or the name of an image that
    buildah (or podman) holds, or that a Docker engine does.
    """
    skopeo = which("skopeo")
    if skopeo is None:
        raise ClusterError("skopeo is missing", hint="run `python -m dev.cluster up` first")
    own = f"[{_driver(layout)}@{layout.buildah_root}+{layout.buildah_run}]"
    path = Path(image)
    if path.is_file():
        kind, name = archive(path)
        sources = [f"{kind}:{path}"]
        target = registry.local_name(name or path.name.split(".")[0])
    else:
        target = registry.local_name(image)
        # buildah files a name without a host under localhost, where skopeo does not look.
        names = [image] if "/" in image else [f"localhost/{image}", image]
        sources = [f"containers-storage:{own}{name}" for name in names]
        sources += [f"containers-storage:{name}" for name in names]
        sources += [f"docker-daemon:{image}"]
    log = layout.cache_logs / "load.log"
    argv = [skopeo, "copy", "--dest-tls-verify=false"]
    for number, source in enumerate(sources, 1):
        note(source)
        try:
            run([*argv, source, f"docker://{target}"], what=f"loading {image}", log=log)
            return target
        except ClusterError:
            if number == len(sources):
                raise ClusterError(
                    f"cannot load {image}",
                    log=log,
                    hint="give an archive (docker save, or OCI), or a name `buildah images` lists",
                ) from None
    return target


def archive(path: Path) -> tuple[str, str | None]:
    """An image archive's transport for skopeo, and the name it carries."""
    with tarfile.open(path) as tar:
        names = tar.getnames()
        if "manifest.json" in names:
            member = tar.extractfile("manifest.json")
            tags = json.load(member)[0].get("RepoTags") if member is not None else None
            return "docker-archive", tags[0] if tags else None
        member = tar.extractfile("index.json") if "index.json" in names else None
        if member is None:
            raise ClusterError(f"{path} is neither a docker nor an OCI image archive")
        notes: dict[str, str] = json.load(member)["manifests"][0].get("annotations") or {}
        return "oci-archive", notes.get("org.opencontainers.image.ref.name")


def _driver(layout: Layout) -> str:
    return "overlay" if (layout.buildah_root / "overlay").exists() else "vfs"
