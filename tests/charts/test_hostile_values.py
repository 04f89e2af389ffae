"""Hostile values with the real Helm: the same objects as with harmless ones.

It is run by the portal's own Helm client with the portal's own command; only that it is a dry
run, on a storage of its own, is added.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st
from msgspec.structs import replace

import portal.helm_service.runner
from portal.catalog.chart import read_chart
from portal.catalog.draft import DraftEditor
from portal.catalog.edits import alike
from portal.catalog.text import TextError, load_values
from portal.catalog.values import Values, to_yaml
from portal.domain.keys import OPERATION_LABEL, Key
from portal.domain.launch import EnvVar, LaunchSpec
from portal.helm_service.helm import Helm
from portal.helm_service.runner import Runner
from tests import strategies as some
from tests.charts.conftest import program
from tests.charts.helm import Helm as HelmCommand
from tests.tried import tried
from tests.unit.fuzz.portal import CHART, FORMS, USUAL
from tests.unit.releases.fakes import unchanged

CHARTS = Path(__file__).parents[1] / "fixtures" / "charts"
KEY = Key("apps", "sales")
PLUGINS = Path(portal.helm_service.runner.__file__).with_name("plugins")


class Reader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads what Helm writes: to it a bare ``<<`` in a list is text."""


Reader.add_constructor("tag:yaml.org,2002:merge", Reader.construct_yaml_str)


class DryRunner(Runner):
    """Runs the real Helm, without a cluster. ``printed`` is what it last said."""

    printed: list[bytes]

    async def run(self, command: Sequence[object], input: bytes | None = None) -> bytes:
        self.printed[:] = [await super().run([*command, "--dry-run=client"], input)]
        return self.printed[0]


class DryHelm:
    """The portal's Helm client, as far as rendering goes."""

    def __init__(self, home: Path) -> None:
        nothing = home / "releases.yaml"
        nothing.write_text("[]")
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "HELM_NO_PLUGINS": "1",
            "HELM_PLUGINS": str(PLUGINS),
            "DASH_PORTAL_PYTHON": sys.executable,
            "HELM_DRIVER": "memory",
            "HELM_MEMORY_DRIVER_DATA": str(nothing),
            "KUBECONFIG": os.devnull,
        }
        self._runner = DryRunner(environment, executable=program())
        self._runner.printed = []

    def objects(self, chart: Path, values: Values, key: Key = KEY) -> list[Any]:
        """All objects, hooks too, that a launch makes. Raises as the portal's client does."""
        asyncio.run(
            Helm(self._runner).upgrade_install(
                key,
                chart,
                values,
                description="x",
                labels={OPERATION_LABEL: "a.1"},
                review=unchanged,
            )
        )
        told = json.loads(self._runner.printed[0])
        texts = [told["manifest"], *(each["manifest"] for each in told.get("hooks") or ())]
        return [each for text in texts for each in yaml.load_all(text, Reader) if each]


@pytest.fixture(scope="module")
def dry(tmp_path_factory: pytest.TempPathFactory) -> DryHelm:
    return DryHelm(tmp_path_factory.mktemp("dry"))


def identities(objects: list[Any]) -> list[tuple[str, ...]]:
    """Kind, name and namespace of each object."""
    return sorted(
        (each["apiVersion"], each["kind"], each["metadata"]["name"], namespace(each))
        for each in objects
    )


def namespace(manifest: Any) -> str:
    return manifest["metadata"].get("namespace", KEY.namespace)


def shape(value: Any) -> Any:
    """Return the structure of a value: names, lists, and the type of each scalar."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    if isinstance(value, list):
        return [shape(each) for each in value]
    return type(value).__name__


def scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for each in value.values():
            yield from scalars(each)
    elif isinstance(value, list):
        for each in value:
            yield from scalars(each)
    else:
        yield value


def harmless(spec: LaunchSpec) -> LaunchSpec:
    """A form filled in the same way, with nothing odd in it."""
    return replace(
        spec,
        key=KEY,
        repository="team/app",
        tag=spec.tag if spec.tag.startswith("sha256:") else "1.0",
        hostname="app.example.com" if spec.hostname else "",
        env=tuple(EnvVar(each.name, "x") for each in spec.env),
    )


@pytest.fixture(scope="module")
def rendered_once(dry: DryHelm) -> Callable[[LaunchSpec], list[Any]]:
    rendered: dict[str, list[Any]] = {}

    def once(spec: LaunchSpec) -> list[Any]:
        if repr(spec) not in rendered:
            rendered[repr(spec)] = dry.objects(CHART, FORMS.values(spec, "ann"))
        return rendered[repr(spec)]

    return once


@tried(400, accepting=0.1, raw=some.forms(USUAL))
def test_launch_forms(
    dry: DryHelm, rendered_once: Callable[[LaunchSpec], list[Any]], raw: dict[str, Any]
) -> bool:
    spec = FORMS.check(raw).spec
    if spec is None:
        return False
    values = FORMS.values(spec, "ann")
    made = dry.objects(CHART, values, spec.key)
    usual = rendered_once(harmless(spec))
    for each in made:
        assert each["metadata"]["name"] in {spec.key.name, f"{spec.key.name}-test"}
        assert each["metadata"]["namespace"] == spec.key.namespace
    assert [(each["apiVersion"], each["kind"]) for each in made] == [
        (each["apiVersion"], each["kind"]) for each in usual
    ]
    assert shape(made) == shape(usual)
    (deployment,) = [each for each in made if each["kind"] == "Deployment"]
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    given = values.get("extraEnvVars", [])
    own = [
        {"name": "HOME", "value": "/tmp"},
        {"name": "USER", "value": "app"},
        {"name": "TZ", "value": values.get("timezone")},
    ]
    assert [each for each in container["env"] if each in given or each not in own] == given
    return True


@dataclass(frozen=True)
class Slots:
    """A chart, and values of it with free text in every place that takes any."""

    chart: Path
    values: Callable[[Callable[[], str]], Values]


SLOTS = {
    "web-server": Slots(
        CHARTS / "web-server",
        lambda text: {
            "image": {"registry": f"r{text()}", "repository": f"a{text()}"},
            "extraEnvVars": [{"name": "A", "value": text()}, {"name": "B", "value": text()}],
            "serverNames": [text()],
            "ingress": {"enabled": True, "hostname": f"h{text()}"},
            "commonLabels": {"team": text(), "x": text()},
        },
    ),
    "task-cluster": Slots(
        CHARTS / "task-cluster",
        lambda text: {
            "image": {"repository": f"a{text()}", "tag": f"t{text()}"},
            "scheduler": {"command": [text(), text()]},
            "worker": {"command": [f"c{text()}"]},
        },
    ),
    "bare": Slots(
        CHARTS / "bare", lambda text: {"words": {"greeting": text(), "farewell": text()}}
    ),
    "dash-app": Slots(
        CHART,
        lambda text: {
            "image": {"repository": "team/app", "tag": "1.0"},
            "podAnnotations": {"note": text()},
            "commonAnnotations": {"note": text(), "x": text()},
            "service": {"annotations": {"note": text()}},
            "ingress": {"enabled": True, "hostname": "a.b", "annotations": {"note": text()}},
            "command": [f"c{text()}"],
            "args": [text(), text()],
            "extraEnvVars": [{"name": "A", "value": text()}],
            "tolerations": [{"key": f"k{text()}", "operator": "Exists"}],
            "extraVolumes": [{"name": "x", "hostPath": {"path": text()}}],
        },
    ),
}


@st.composite
def filled(draw: st.DrawFn) -> tuple[str, Values]:
    """Values with hostile texts in the slots of one of the charts."""
    name = draw(st.sampled_from(sorted(SLOTS)))
    return name, SLOTS[name].values(lambda: draw(some.fit_texts))


@pytest.fixture(scope="module")
def usual_objects(dry: DryHelm) -> Callable[[str], list[Any]]:
    return cache(lambda name: dry.objects(SLOTS[name].chart, SLOTS[name].values(lambda: "x")))


@tried(150, accepting=0.8, given=filled())
def test_charts(
    dry: DryHelm, usual_objects: Callable[[str], list[Any]], given: tuple[str, Values]
) -> bool:
    name, values = given
    editor = DraftEditor(read_chart(SLOTS[name].chart, "local"))
    draft = editor.read(to_yaml(values))
    if not draft.launchable:
        assert draft.notes() or draft.error
        return False
    assert alike(draft.values, values)
    made = dry.objects(SLOTS[name].chart, editor.values_for_helm(draft))
    usual = usual_objects(name)
    assert identities(made) == identities(usual)
    assert shape(made) == shape(usual)
    texts = [each for each in scalars(made) if isinstance(each, str)]
    unused = scalars(values.get("serverNames"))  # by the chart's templates
    for value in {*scalars(values)} - {*unused, True}:
        assert any(value in text for text in texts), value
    return True


LEAKY = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}}
data:
  greeting: {{ .Values.greeting }}
"""


def test_a_chart_that_quotes_nothing_is_found_out(dry: DryHelm, tmp_path: Path) -> None:
    """It is the chart that lets a text become an object; the comparisons above would tell."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("apiVersion: v2\nname: leaky\nversion: 0.1.0\n")
    (tmp_path / "templates" / "map.yaml").write_text(LEAKY)
    usual = dry.objects(tmp_path, {"greeting": "x"})
    other = "x\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: evil, namespace: kube-system}"
    made = dry.objects(tmp_path, {"greeting": other})
    assert identities(made) != identities(usual)
    assert ("v1", "Secret", "evil", "kube-system") in identities(made)
    for text in ("true", "[x]", "x\n  other: y"):
        assert shape(dry.objects(tmp_path, {"greeting": text})) != shape(usual)


@pytest.fixture(scope="module")
def echo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A chart that says which values Helm has."""
    chart = tmp_path_factory.mktemp("echo")
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: echo\nversion: 0.1.0\n")
    (chart / "templates" / "map.yaml").write_text(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\n"
        "data: {all: {{ .Values | toJson | quote }}}\n"
    )
    return chart


def counted(value: Any) -> Any:
    """With every number as Helm has it, in floating point."""
    if isinstance(value, dict):
        return {name: counted(each) for name, each in value.items()}
    if isinstance(value, list):
        return [counted(each) for each in value]
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


@tried(
    40,
    accepting=1,
    cases=st.lists(some.nasty_values | some.fit_texts, min_size=20, max_size=60),
    name=some.fit_texts,
)
def test_helm_gets_the_values_as_they_are(
    dry: DryHelm, echo: Path, cases: list[Any], name: str
) -> bool:
    values: Values = {"cases": cases, f"x{name}": name}
    (said,) = dry.objects(echo, values)
    assert counted(json.loads(said["data"]["all"])) == counted(values)
    return True


_words = st.one_of(
    st.text("0189eExXoObB_.+-", min_size=1, max_size=5),
    st.text("yYnNoOfFtTrRuUeEsS~lL", min_size=1, max_size=5),
    some.numbers_and_words,
)


@tried(20, accepting=1, words=st.lists(_words, min_size=50, max_size=150))
def test_bare_words_mean_the_same_to_helm(helm: HelmCommand, echo: Path, words: list[str]) -> bool:
    text = ""
    for number, word in enumerate(words):
        line = f"x{number}: {word}\n"
        with suppress(TextError):
            load_values(line, strict=True)
            text += line
    ran = helm.run("template", "x", str(echo), "--values", "-", stdin=text)
    assert ran.returncode == 0, ran.stderr
    said = json.loads(yaml.safe_load(ran.stdout)["data"]["all"])
    assert counted(said) == counted(load_values(text, strict=True))
    return True


@tried(200, accepting=0.3, text=some.yaml_texts)
def test_text_means_the_same_to_helm(helm: HelmCommand, echo: Path, text: str) -> bool:
    """Helm reads all YAML that the portal reads, with the same result; the portal is stricter."""
    try:
        values = load_values(text, strict=True)
    except TextError:
        return False
    ran = helm.run("template", "x", str(echo), "--values", "-", stdin=text)
    assert ran.returncode == 0, ran.stderr
    assert counted(json.loads(yaml.safe_load(ran.stdout)["data"]["all"])) == counted(values)
    return True
