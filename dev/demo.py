"""``make demo``: a Kubernetes, the portal in it by its own chart, and its URL.

Each step is skipped, or quick, when there is nothing to do; after an interruption the same command
goes on from there. ``--json`` prints the result for scripts; :func:`ensure` gives it to tests.
"""

from __future__ import annotations

import argparse
import base64
import contextlib
import json
import os
import shutil
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from dev import charts, load_test, namespaces, volume
from dev.cluster import binaries, choose, cli, images, registry, settings
from dev.cluster.alone import alone
from dev.cluster.choose import How
from dev.cluster.errors import ClusterError
from dev.cluster.paths import Layout
from dev.cluster.progress import Note, Steps
from dev.cluster.run import run, stop_children
from dev.oidc_provider import objects as oidc_provider
from dev.oidc_provider.build import build as build_provider

ROOT = Path(__file__).resolve().parent.parent
RELEASE = "portal"
NAMESPACE = "dash-portal"
APPS = "apps"
RESTRICTED = f"{NAMESPACE}-{RELEASE}-restricted"
"""Namespace in which the guardrails dry-run pods; the portal's chart creates it."""
PORTAL_IMAGE = f"{settings.REGISTRY}/dash-portal:dev"
SAMPLE_IMAGE = f"{settings.REGISTRY}/dash-sample:1.0"
LOAD_TEST_IMAGE = f"{settings.REGISTRY}/dash-load-test:dev"

_CONFIG_MAPS = {
    "apiGroups": [""],
    "resources": ["configmaps"],
    "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
}

READY_WITHIN = 120.0
"""Seconds the portal's pod gets to become ready once Kubernetes has it."""


@dataclass(frozen=True)
class Demo:
    """The running portal, and what is needed to look behind it."""

    url: str
    kubeconfig: Path
    binaries: Path
    """Directory with ``kubectl`` and ``helm``."""
    namespace: str = NAMESPACE
    """Namespace in which the portal runs."""
    apps: str = APPS
    """Default namespace for apps."""
    image: str = PORTAL_IMAGE
    image_size: str = ""
    """Uncompressed size of the portal's image, as buildah gives it."""
    seconds: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds of each step."""
    users: dict[str, str] = field(default_factory=dict[str, str])
    """Passwords of the people who may sign in, by name; empty without a sign-in."""


def ensure(forced: How | None = None, *, sign_in: bool = False) -> Demo:
    """Bring up whatever is missing and return the running demo; progress goes to standard error.

    ``forced`` is the way to take to a cluster instead of choosing one. With ``sign_in`` people sign
    in through an OpenID provider of the demo's own.

    Raises:
        ClusterError: a step failed; it says which, where the log is and what to do.
    """
    layout = Layout.default()
    refuse_foreign(os.environ.get("KUBECONFIG"), layout, forced)
    with alone(layout, "demo", partial(print, file=sys.stderr)):
        return _ensure(layout, forced, sign_in=sign_in)


def refuse_foreign(kubeconfig: str | None, layout: Layout, forced: How | None) -> None:
    """Raise when the demo would go into a cluster not made here, before anything is done."""
    foreign = choose.foreign_kubeconfig(kubeconfig, layout.kubeconfig)
    if foreign is not None and forced in (None, How.KUBECONFIG):
        raise ClusterError(
            f"KUBECONFIG names {foreign}, which was not made here; the demo builds images and "
            "makes a cluster of its own to give them to",
            hint="docs/install.md tells how to install into that cluster; for the demo, "
            "unset KUBECONFIG, or force a way: `make demo HOW=local` (or kind)",
        )


def _ensure(layout: Layout, forced: How | None, *, sign_in: bool) -> Demo:
    seconds: dict[str, float] = {}
    with _timed(seconds, "cluster"):
        code = cli.main(["up", *(["--how", forced.value] if forced else [])])
        if code == cli.INTERRUPTED:
            raise KeyboardInterrupt
        if code != 0:
            raise ClusterError("there is no cluster to put the portal into")
    how = choose.recorded(layout)
    if sign_in and how is not How.LOCAL:
        raise ClusterError(
            "AUTH=oidc works in the local cluster alone", hint="make demo AUTH=oidc HOW=local"
        )
    tools = _tools(layout, how)
    configured: dict[str, Any] = {}
    with Steps() as steps:

        def step(title: str, work: Callable[[Note], object]) -> None:
            with _timed(seconds, title), steps.step(title) as note:
                work(note)

        step("image of the sample app", lambda note: _sample_image(layout, note))
        step("image of load tests", lambda note: load_test_image(layout, note))
        step("image of the portal", lambda note: _portal_image(layout, tools, how, note))
        kubectl = _Kubectl(layout, tools)
        step("namespaces", lambda _: _namespaces(kubectl))
        if how is How.LOCAL:
            step("volume of the portal", lambda _: _volume(kubectl, layout))
        step("charts to launch", lambda note: _charts(kubectl, note))
        if sign_in:
            step(
                "OpenID provider", lambda note: configured.update(_provider(kubectl, layout, note))
            )
        step("helm upgrade --install portal", lambda _: _install(layout, tools, how, configured))
        urls: list[str] = []
        if not sign_in:
            _without_provider(kubectl)
        step("portal answers", lambda note: urls.append(_answering(kubectl, how, note)))
    size = _image_size(layout) if how is How.LOCAL else ""
    return Demo(
        url=urls[0],
        kubeconfig=layout.kubeconfig,
        binaries=tools,
        image_size=size,
        seconds=seconds,
        users={each["name"]: each["password"] for each in configured.get("users", [])},
    )


def _tools(layout: Layout, how: How | None) -> Path:
    """The directory of kubectl and helm."""
    if how is How.LOCAL:
        return binaries.bin_dir(layout)
    found = shutil.which("helm")
    if found is None:
        raise ClusterError("helm is not on the PATH", hint="install Helm 4: https://helm.sh")
    return Path(found).parent


def _sample_image(layout: Layout, note: Note) -> None:
    context = ROOT / "samples" / "dash-sample"
    base = images.python_base(layout)
    arguments = {"BASE": base} if base else {}
    images.build_image(
        context, context / "Dockerfile", SAMPLE_IMAGE, arguments, note=note, layout=layout
    )


def _portal_image(layout: Layout, tools: Path, how: How | None, note: Note) -> None:
    arguments: dict[str, str] = {}
    base = images.python_base(layout)
    if base:
        arguments["BASE"] = base
    if how is How.LOCAL:
        # No release archive here: the helm that was built with the cluster goes into the image.
        arguments["HELM"] = _helm_image(layout, tools, note)
    else:
        arguments["UNPINNED"] = "true"  # whoever tries it out has no sums at hand
    images.build_image(ROOT, ROOT / "Dockerfile", PORTAL_IMAGE, arguments, note=note, layout=layout)


def _helm_image(layout: Layout, tools: Path, note: Note) -> str:
    """An image that holds nothing but the helm binary."""
    tag = f"{settings.REGISTRY}/helm:{tools.name}"
    _image_of(layout, tools / "helm", "helm", tag, note)
    return tag


def load_test_image(layout: Layout, note: Note) -> None:
    """Have the image of load tests, as ``load-test/Dockerfile`` makes it, but without Docker."""
    program = load_test.build(layout, note)
    last = 'USER 10001:10001\nENTRYPOINT ["/load-test"]\n'
    _image_of(layout, program, "load-test", LOAD_TEST_IMAGE, note, last)


def _image_of(
    layout: Layout, program: Path, name: str, tag: str, note: Note, last: str = ""
) -> None:
    """Have an image that holds nothing but a program; ``last`` ends its Dockerfile."""
    context = layout.cache / "images" / name
    context.mkdir(parents=True, exist_ok=True)
    binary = context / name
    binary.unlink(missing_ok=True)
    try:
        os.link(program, binary)
    except OSError:
        shutil.copy2(program, binary)
    dockerfile = context / "Dockerfile"
    dockerfile.write_text(f"FROM scratch\nCOPY {name} /{name}\n{last}")
    images.build_image(context, dockerfile, tag, note=note, layout=layout)


class _Kubectl:
    """kubectl on the demo's cluster."""

    def __init__(self, layout: Layout, tools: Path) -> None:
        program = tools / "kubectl"
        self._program = str(program) if program.exists() else "kubectl"
        self._environment = _environment(layout)

    def __call__(self, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self._program, *arguments],
            input=stdin,
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def apply(self, objects: str) -> subprocess.CompletedProcess[str]:
        """Have these objects."""
        how = ("apply", "--server-side", "--force-conflicts", "--filename", "-")
        return self(*how, stdin=objects)


def _namespaces(kubectl: _Kubectl) -> None:
    done = kubectl.apply(namespaces.objects(portal=NAMESPACE, apps=APPS))
    if done.returncode:
        raise ClusterError(f"the namespaces: {done.stderr.strip()}")


def _volume(kubectl: _Kubectl, layout: Layout) -> None:
    done = kubectl.apply(volume.objects(volume.folder(layout.state), NAMESPACE))
    if done.returncode:
        raise ClusterError(f"the volume of the portal: {done.stderr.strip()}")


def _charts(kubectl: _Kubectl, note: Note) -> None:
    """Have the repository of charts answer before the portal reads it."""
    made = charts.objects(charts.repository(), SAMPLE_IMAGE, NAMESPACE)
    waiting = ("rollout", "status", f"deployment/{charts.NAME}", "--namespace", NAMESPACE)
    done = kubectl.apply(made)
    if done.returncode == 0:
        note("waiting for the rollout")
        done = kubectl(*waiting, f"--timeout={READY_WITHIN:.0f}s")
    if done.returncode:
        raise ClusterError(f"the charts: {(done.stderr or done.stdout).strip()}")


def _provider(
    kubectl: _Kubectl, layout: Layout, note: Note, namespace: str = NAMESPACE
) -> dict[str, Any]:
    """Have an OpenID provider answer that knows the portal's address; returns its configuration."""
    name = oidc_provider.NAME
    binary = build_provider(layout, note)
    image = f"{settings.REGISTRY}/{name}:{binary.name.rpartition('-')[2]}"
    _image_of(layout, binary, name, image, note)
    note("waiting for addresses")
    issuer = _address(kubectl, oidc_provider.service(name, namespace, oidc_provider.PORT))
    portal = _address(kubectl, oidc_provider.service(RELEASE, namespace, 80, release=RELEASE))
    known = kubectl("get", "secret", name, "--namespace", namespace, "--output", "json").stdout
    kept = json.loads(known)["data"]["provider.json"] if known else ""
    before = json.loads(base64.b64decode(kept)) if kept else None
    configured = oidc_provider.configuration(
        f"http://{issuer}:{oidc_provider.PORT}", f"http://{portal}", before
    )
    done = kubectl.apply(oidc_provider.objects(configured, image, namespace))
    if done.returncode == 0:
        note("waiting for the rollout")
        waiting = ("rollout", "status", f"deployment/{name}", "--namespace", namespace)
        done = kubectl(*waiting, f"--timeout={READY_WITHIN:.0f}s")
    if done.returncode:
        raise ClusterError(f"the OpenID provider: {(done.stderr or done.stdout).strip()}")
    return configured


def _without_provider(kubectl: _Kubectl, namespace: str = NAMESPACE) -> None:
    """Remove the OpenID provider that an earlier demo has brought."""
    label = f"app.kubernetes.io/name={oidc_provider.NAME}"
    where = ("--namespace", namespace, "--ignore-not-found", "--wait=false")
    kubectl("delete", "deployment,secret", "--selector", label, *where)
    kubectl("delete", "service", oidc_provider.NAME, *where)


def _address(kubectl: _Kubectl, service: str) -> str:
    """The address of a Service, which is created if it is not there."""
    metadata = json.loads(service)["metadata"]
    path = "jsonpath={.status.loadBalancer.ingress[0].ip}"
    where = ("service", metadata["name"], "--namespace", metadata["namespace"])
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        found = kubectl("get", *where, "--output", path)
        if found.returncode == 0 and found.stdout:
            return found.stdout
        if found.returncode:
            kubectl("create", "--filename", "-", stdin=service)
        time.sleep(0.2)
    raise ClusterError(f"the Service {metadata['name']} gets no address")


def _catalog(kind: bool) -> list[dict[str, object]]:
    """Return the portal's chart sources, with values that work here."""
    host, _, rest = SAMPLE_IMAGE.partition("/")
    repository, _, tag = rest.rpartition(":")
    return [
        {
            "name": "samples",
            "kind": "repository",
            "url": f"http://{charts.NAME}.{NAMESPACE}.svc",
            "presets": [
                {
                    "chart": "web-server",
                    "name": "The sample app",
                    "description": "Behind this chart instead of the portal's own.",
                    "values": {
                        "image": {"registry": host, "repository": repository, "tag": tag},
                        "containerPort": 8050,
                        "service": {"type": "NodePort" if kind else "LoadBalancer"},
                    },
                },
                {
                    "chart": "task-cluster",
                    "name": "Two workers",
                    "description": "They square numbers, in the sample's image.",
                    "values": {"image": {"repository": f"{host}/{repository}", "tag": tag}},
                },
            ],
        }
    ]


def values(how: How | None, digest: str) -> dict[str, object]:
    """The values of the portal's chart in the demo."""
    host, _, rest = PORTAL_IMAGE.partition("/")
    repository, _, tag = rest.rpartition(":")
    kind = how is How.KIND
    return {
        "fullnameOverride": RELEASE,
        "clusterWide": True,
        # Nothing listens outside this machine.
        "auth": {"allowAnonymous": True},
        # A class of volumes is what kind has and the local cluster has not.
        "persistence": {"enabled": True, "existingClaim": "" if kind else volume.CLAIM},
        "image": {"registry": host, "repository": repository, "tag": tag, "digest": digest},
        "service": {"type": "NodePort" if kind else "LoadBalancer"},
        "settings": {
            "defaultNamespace": APPS,
            "nodeAddress": "" if kind else "127.0.0.1",
            "catalogInterval": 30,
            "allowExec": True,
            "shell": True,
            "shellImage": SAMPLE_IMAGE,
            "loadTestImage": LOAD_TEST_IMAGE,
            **({} if kind else {"gateway": "kube-system/traefik", "ingressClass": "traefik"}),
        },
        "presets": [
            {
                "name": "Sample: Clifford attractor",
                "description": "A small Dash app that draws a strange attractor and uses CPU.",
                "repository": SAMPLE_IMAGE.rpartition(":")[0],
                "tag": SAMPLE_IMAGE.rpartition(":")[2],
                "port": 8050,
                "cpu_request": "100m",
                "memory_request": "128Mi",
                "memory_limit": "256Mi",
            }
        ],
        # No node here has a GPU; docs/settings.md shows a size with one.
        "sizes": [
            {
                "name": name,
                "description": description,
                "requests": {"cpu": cpu, "memory": memory},
                "limits": {"memory": memory},
            }
            for name, description, cpu, memory in (
                ("S", "A small dashboard.", "100m", "256Mi"),
                ("M", "Some data in memory.", "250m", "1Gi"),
                ("L", "Much data, or heavy callbacks.", "1", "3Gi"),
            )
        ],
        "catalog": _catalog(kind),
        # What nodes call localhost is the pod itself to the portal.
        "imageRegistries": []
        if kind
        else [{"host": settings.REGISTRY, "url": f"http://{settings.REGISTRY_FOR_PODS}"}],
        # Two of those charts make ConfigMaps, which the built-in one does not.
        "rbac": {"extraRules": [_CONFIG_MAPS]},
        # Two cores for the cluster and the portal: leave them to the apps.
        "resources": {"requests": {"cpu": "50m"}},
    }


def _install(layout: Layout, tools: Path, how: How | None, configured: Mapping[str, Any]) -> None:
    # A rebuilt image has the same tag: only its digest tells Kubernetes to replace the pod.
    digest = registry.digest(PORTAL_IMAGE) or "" if how is How.LOCAL else ""
    command = [
        *(tools / "helm", "upgrade", "--install", RELEASE, ROOT / "helm" / "portal"),
        *("--namespace", NAMESPACE, "--values", "-", "--history-max", "3"),
    ]
    given = values(how, digest)
    if configured:
        given = merged(given, oidc_provider.values(configured))

    def install() -> None:
        run(
            command,
            what="helm upgrade --install portal",
            env=_environment(layout),
            stdin=yaml.safe_dump(given),
        )

    try:
        install()
    except ClusterError as error:
        # A demo that was killed in here left its release "pending", which nothing else would end.
        if "another operation" not in error.what:
            raise
        run(
            [tools / "helm", "uninstall", RELEASE, "--namespace", NAMESPACE, "--wait"],
            what="removing a half-installed portal",
            env=_environment(layout),
        )
        install()


def merged(values: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``values`` with ``more`` in place of what is there, level by level."""
    found = dict(values)
    for name, value in more.items():
        below = found.get(name)
        nested = isinstance(value, Mapping) and isinstance(below, Mapping)
        found[name] = merged(below, value) if nested else value
    return found


def _answering(kubectl: _Kubectl, how: How | None, note: Note) -> str:
    """Wait for the rollout and for ``/readyz`` at the portal's own address; return its URL."""
    logs = f"kubectl --namespace {NAMESPACE} logs deployment/{RELEASE}"
    note("waiting for the rollout")
    done = kubectl(
        *("rollout", "status", f"deployment/{RELEASE}", "--namespace", NAMESPACE),
        f"--timeout={READY_WITHIN:.0f}s",
    )
    if done.returncode:
        raise ClusterError(
            f"the portal does not become ready: {(done.stderr or done.stdout).strip()}",
            hint=f"look at `{logs}` and `kubectl --namespace {NAMESPACE} describe pods`",
        )
    until = time.monotonic() + READY_WITHIN
    while time.monotonic() < until:
        url = _kind_url(kubectl) if how is How.KIND else _url(kubectl)
        note(url or "waiting for an address")
        if url and _ready(url):
            return url
        time.sleep(0.2)
    raise ClusterError("the portal's address does not answer", hint=f"look at `{logs}`")


def _url(kubectl: _Kubectl) -> str:
    """The Service's URL; empty while it has no address."""
    path = "{.status.loadBalancer.ingress[0].ip}{.status.loadBalancer.ingress[0].hostname}"
    service = ("service", RELEASE, "--namespace", NAMESPACE)
    done = kubectl("get", *service, "--output", f"jsonpath={path}")
    return f"http://{done.stdout}/" if done.returncode == 0 and done.stdout else ""


def _kind_url(kubectl: _Kubectl) -> str:
    """The node port on the node's container, which Docker makes reachable on Linux."""
    port = kubectl(
        *("get", "service", RELEASE, "--namespace", NAMESPACE),
        *("--output", "jsonpath={.spec.ports[0].nodePort}"),
    ).stdout
    address = kubectl(
        *("get", "nodes", "--output"),
        'jsonpath={.items[0].status.addresses[?(@.type=="InternalIP")].address}',
    ).stdout
    return f"http://{address}:{port}/" if address and port else ""


def _ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}readyz", timeout=2) as answer:
            return answer.status == 200
    except OSError:  # no answer, or one that says "not yet"
        return False


def _environment(layout: Layout) -> dict[str, str]:
    return {**os.environ, "KUBECONFIG": str(layout.kubeconfig), "HELM_NO_PLUGINS": "1"}


def _image_size(layout: Layout) -> str:
    listed = subprocess.run(
        [*images.buildah(layout), "images", "--json", PORTAL_IMAGE],
        capture_output=True,
        text=True,
        check=False,
    )
    with contextlib.suppress(ValueError, LookupError):
        return str(json.loads(listed.stdout)[0]["size"])
    return ""


@contextmanager
def _timed(seconds: dict[str, float], title: str) -> Generator[None]:
    started = time.monotonic()
    yield
    seconds[title] = round(time.monotonic() - started, 1)


def _people(demo: Demo) -> str:
    """Who may sign in, a line each; "" if nobody has to."""
    if not demo.users:
        return ""
    lines = [
        f"    {name} ({oidc_provider.GROUPS[name]}): {password}"
        for name, password in demo.users.items()
    ]
    return "\n".join(["", "  sign in as", *lines, ""])


def main(arguments: list[str] | None = None) -> int:
    """Run the demo; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m dev.demo", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--how",
        choices=[How.KIND.value, How.LOCAL.value],
        help="do not choose a way to a cluster, take this",
    )
    parser.add_argument(
        "--auth",
        choices=["none", "oidc"],
        default="none",
        help="oidc: people sign in through an OpenID provider that is brought along",
    )
    options = parser.parse_args(arguments)
    started = time.monotonic()
    try:
        how = How(options.how) if options.how else None
        demo = ensure(how, sign_in=options.auth == "oidc")
    except ClusterError as error:
        print("\n".join(error.lines()), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        stop_children()
        print("interrupted; `make demo` goes on from here", file=sys.stderr)
        return 130
    if options.json:
        print(json.dumps(asdict(demo), default=str, indent=2))
        return 0
    total = time.monotonic() - started
    print(
        f"\nDash Portal is at  {demo.url}   ({total:.0f} s"
        + (f"; image {demo.image_size}" if demo.image_size else "")
        + f")\n{_people(demo)}"
        f"\n  look behind it:  export KUBECONFIG={demo.kubeconfig} PATH={demo.binaries}:$PATH"
        "\n  stop:            make down"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
