"""Whatever a person or a client sends: Helm's command is the one it always is, or none."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import strategies as st

from portal.auth.identify import HeaderAuthenticator
from portal.catalog.chart import read_chart
from portal.catalog.dash_app import equivalent_command
from portal.catalog.launch_contents import ROOT
from portal.catalog.launch_fields import FIELDS, SIMPLE_FIELDS, field_of
from portal.catalog.reading import read_values
from portal.catalog.values import to_yaml
from portal.domain.errors import InvalidInput, PortalError, Unauthenticated
from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.launch import LaunchSpec
from portal.releases.forms import CheckedLaunch
from portal.releases.links import LINKABLE, linked_form
from portal.ui.routes import Page, parse
from tests import strategies as some
from tests.tried import tried
from tests.unit.fuzz.portal import (
    ANN,
    CHART,
    FORMS,
    RELEASED,
    USUAL,
    Command,
    Commands,
    Portal,
    finish,
    helm,
    is_upgrade,
)
from tests.unit.releases.fakes import unchanged

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
IMAGE = re.compile(
    r"(([A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\])(:[0-9]{1,5})?/)?[a-z0-9]+([._/-]+[a-z0-9]+)*"
    r"(:\w[\w.-]{0,127}|@sha256:[0-9a-f]{64})",
    re.ASCII,
)
PLAIN = re.compile(r"[A-Za-z0-9_/\[][A-Za-z0-9._:/\[\]-]*|")
KINDS = ("secret", "configMap")
PATHS = {
    *("image.repository", "image.tag", "image.digest", "replicaCount"),
    *("autoscaling.enabled", "autoscaling.minReplicas", "autoscaling.maxReplicas"),
    *("autoscaling.targetCPU", "autoscaling.targetMemory"),
    "autoscaling.behavior.scaleDown.stabilizationWindowSeconds",
    *(f"resources.{side}.{what}" for side in ("requests", "limits") for what in ("cpu", "memory")),
    *("service.type", "ingress.enabled", "ingress.hostname", "ingress.ingressClassName"),
    *("httpRoute.enabled", "httpRoute.parentRefs[].namespace", "httpRoute.parentRefs[].name"),
    *("httpRoute.hostnames[]", "extraEnvVars[].name", "extraEnvVars[].value"),
    *(f"persistence.{what}" for what in ("existingClaim", "mountPath", "readOnly")),
    f"commonAnnotations.{LAUNCHED_BY}",
    *(f"extraEnvVars[].valueFrom.{kind}KeyRef.{of}" for kind in KINDS for of in ("name", "key")),
}
"""All values that the launch form sets."""
OURS = read_chart(CHART, "local")
assert OURS.schema is not None
SIMPLE = {each.name for each in SIMPLE_FIELDS}
"""The fields whose values the table's own tests look at, and the schema below."""
FREE = "extraEnvVars[].value"
"""The only one of them that may be any text."""


def leaves(value: Any, path: str = "") -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        inner = [leaves(each, f"{path}.{name}" if path else name) for name, each in value.items()]
    elif isinstance(value, list):
        inner = [leaves(each, f"{path}[]") for each in value]
    else:
        return [(path, value)]
    return [leaf for each in inner for leaf in each]


def refused(checked: CheckedLaunch) -> bool:
    """Return True if a form was refused, after checking that each error has a field and a text."""
    if checked.spec is not None:
        assert not checked.errors
        return False
    assert checked.errors
    assert set(checked.errors) <= set(FIELDS)
    assert all(checked.errors.values())
    return True


def launched(spec: LaunchSpec) -> Command:
    """The command that a checked form comes to: always the same, with the values beside it."""
    portal = Portal()
    made = finish(portal.command(portal.actions.launch(ANN, spec)))
    is_upgrade(made, spec.key, description="Launched by ann")
    assert LABEL.fullmatch(spec.key.name)
    assert spec.key.namespace in FORMS.rules.listed
    found = leaves(made.values)
    own = [(path, value) for path, value in found if field_of(path.replace("[]", "")) not in SIMPLE]
    assert {path for path, _ in own} <= PATHS
    for path, value in own:
        if isinstance(value, str) and path != FREE:
            assert PLAIN.fullmatch(value), (path, value)
    verdict = read_values(OURS, made.values).verdict
    assert verdict.complete
    assert not verdict.problems
    return made


_namespaces = st.one_of(st.just("apps"), st.sampled_from(["lab", "kube-system"]), some.names)


@tried(2000, accepting=0.1, name=some.names, namespace=_namespaces)
def test_names(name: str, namespace: str) -> bool:
    """Every way by which a name may come: the forms, and what a page says it is about."""
    checked = FORMS.check({**USUAL, "name": name, "namespace": namespace})
    if not refused(checked):
        assert checked.spec is not None
        launched(checked.spec)
        assert checked.spec.key == Key(namespace.strip(), name.strip())
    key = Key(namespace, name)
    at_helm(key)
    at_the_actions(key)
    return checked.spec is not None


def at_helm(key: Key) -> None:
    """The last check, for what should never get so far."""
    commands = Commands()
    client = helm(commands)
    for asked, argv in (
        (client.uninstall(key), ["uninstall", key.name, "--namespace", key.namespace]),
        (client.rollback(key, 3), ["rollback", key.name, "3", "--namespace", key.namespace]),
        (client.values(key), ["get", "values", key.name, "--output", "json"]),
        (client.render(key, CHART, {}), ["upgrade", key.name, str(CHART), "--history-max"]),
        (
            client.upgrade_install(key, CHART, {}, review=unchanged),
            ["upgrade", key.name, str(CHART)],
        ),
    ):
        commands.made.clear()
        try:
            finish(asked)
        except InvalidInput:
            assert commands.made == []
            continue
        (made,) = commands.made
        assert made.argv[1 : len(argv) + 1] == argv
        assert made.argv[made.argv.index("--namespace") + 1] == key.namespace
        assert re.fullmatch(r"[a-z0-9][-a-z0-9.]*", key.name)
        assert re.fullmatch(r"[a-z0-9][-a-z0-9]*", key.namespace)


def at_the_actions(key: Key) -> None:
    """Nothing of that name is there, so there is nothing to do, and that is said."""
    portal = Portal()
    actions = portal.actions
    for asked in (
        actions.uninstall(ANN, key),
        actions.rollback(ANN, key, 1),
        actions.unlock(ANN, key),
        actions.cancel(ANN, key),
        actions.edit_form(ANN, key),
        actions.previews.removal(ANN, key),
    ):
        with pytest.raises(PortalError):
            finish(asked)
    assert portal.commands.made == []


@tried(2000, accepting=0.1, reference=some.references, apart=st.booleans(), tag=some.texts)
def test_images(reference: str, apart: bool, tag: str) -> bool:
    """In a link, as a whole; in the form, in two fields."""
    linked = linked_form(FORMS, {"image": reference})
    given = {"repository": linked["repository"], "tag": linked["tag"]}
    checked = FORMS.check({**USUAL, **(given if not apart else {"repository": reference})})
    refused(FORMS.check({**USUAL, "tag": tag}))
    if refused(checked):
        return False
    assert checked.spec is not None
    image = launched(checked.spec).values["image"]
    whole = image["repository"] + (f"@{image['digest']}" if "digest" in image else "")
    assert IMAGE.fullmatch(whole + (f":{image['tag']}" if image["tag"] else ""))
    return True


@tried(2000, accepting=0.2, raw=some.forms(USUAL))
def test_launch_forms(raw: dict[str, Any]) -> bool:
    checked = FORMS.check(raw)
    if refused(checked):
        return False
    assert checked.spec is not None
    if checked.spec.fields.get("runs_as") == ROOT:
        with pytest.raises(InvalidInput, match="may not run as root"):
            launched(checked.spec)
        return False
    sent = launched(checked.spec).values
    lines = [each for each in re.split(r"\r\n|\r|\n", str(raw["env"] or "")) if each.strip()]
    given = [line.partition("=") for line in lines if not line.lstrip().startswith("#")]
    expected = [{"name": name.strip(), "value": value} for name, _, value in given]
    assert sent.get("extraEnvVars", []) == expected
    return True


SCALE_FIELDS = (
    *("autoscaling", "replicas", "bounds"),
    *("target_cpu", "target_memory", "scale_down_window"),
)


@tried(800, accepting=0.1, raw=some.forms(USUAL, SCALE_FIELDS))
def test_scale_forms(raw: dict[str, Any]) -> bool:
    checked = FORMS.check_scale(raw, RELEASED)
    if checked.request is None:
        assert checked.errors
        assert set(checked.errors) <= set(FIELDS)
        return False
    portal, key = Portal(), Key("apps", "there")
    portal.cluster.release(key, 4, RELEASED)
    made = finish(portal.command(portal.actions.scale(ANN, key, checked.request)))
    words = made.argv[made.argv.index("--description") + 1]
    assert re.fullmatch(r"(Scaled to \d+|Autoscaled \d+ to \d+) by ann", words)
    is_upgrade(made, key, description=words)
    assert {path for path, _ in leaves(made.values)} <= PATHS | {"podAnnotations.kept"}
    ours = ("autoscaling", "replicaCount")
    assert [made.values.get(name) for name in RELEASED if name not in ours] == [
        value for name, value in RELEASED.items() if name not in ours
    ]
    return True


_parameters = st.dictionaries(
    st.sampled_from([*LINKABLE, "env", "values", "--set"]),
    st.one_of(st.sampled_from(["3", "r.io/app:1", "sales", "apps"]), some.texts),
    max_size=5,
)


@tried(800, accepting=0.1, given=_parameters, raw=some.texts)
def test_launch_links(given: dict[str, str], raw: str) -> bool:
    encoded = {name: text.encode(errors="surrogatepass") for name, text in given.items()}
    accepted = False
    for search in (f"?image=r.io/app&{raw}", f"?{urlencode(encoded)}"):
        route = parse("/launch", search)
        assert route.page is Page.LAUNCH
        filled = linked_form(FORMS, dict(route.given))
        assert set(filled) == set(FIELDS)
        told = {field: value for field, value in filled.items() if value != ""}
        checked = FORMS.check({"name": "sales", "repository": "a", "tag": "1", **told})
        accepted = not refused(checked)
        if checked.spec is not None:
            launched(checked.spec)
    return accepted


@tried(400, accepting=0.3, user=st.one_of(st.sampled_from(["ada", "ada@example.org"]), some.texts))
def test_users(user: str) -> bool:
    """The login proxy vouches for who somebody is, not for what their name looks like."""
    headers = [("X-Portal-Secret", "s"), ("X-Forwarded-User", user)]
    try:
        identity = HeaderAuthenticator("s").identify(headers)
    except Unauthenticated:
        return False
    spec = FORMS.check(USUAL).spec
    assert spec is not None
    portal = Portal()
    made = finish(portal.command(portal.actions.launch(identity, spec)))
    words = " ".join(f"Launched by {identity.user}".split())[:250]
    is_upgrade(made, spec.key, description=words)
    assert made.values["commonAnnotations"] == {LAUNCHED_BY: identity.user}
    return True


@tried(200, accepting=0.3, revision=st.integers(-100, 1200) | st.integers())
def test_rollbacks(revision: int) -> bool:
    portal, key = Portal(), Key("apps", "there")
    portal.cluster.release(key, 1000, RELEASED)
    asked = portal.commands_of(portal.actions.rollback(ANN, key, revision), 2)
    if not 1 <= revision < 1000:
        with pytest.raises(InvalidInput, match="Choose a revision"):
            finish(asked)
        assert portal.commands.made == []
        return False
    looked, rolled = finish(asked)
    assert looked.argv[1:] == [
        *("get", "values", "there", "--output", "json", "--revision", str(revision)),
        *("--namespace", "apps"),
    ]
    assert rolled.argv[1:] == [
        *("rollback", "there", str(revision), "--namespace", "apps", "--history-max", "10"),
        *("--timeout", "270s", "--server-side=true"),
        *("--description", f"Rolled back to revision {revision} by ann"),
    ]
    return True


def writable(text: str) -> str:
    """Return the part of a text that can be passed to a shell."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


@tried(
    100,
    accepting=1,
    name=some.names,
    namespace=some.names,
    values=st.dictionaries(some.words, some.nasty_values, max_size=3),
)
def test_the_command_to_copy(name: str, namespace: str, values: dict[str, Any]) -> bool:
    """It is made for a form that was checked; it would do no harm with any other either."""
    clean = [
        each.replace("\0", "").encode("utf-8", "replace").decode() for each in (name, namespace)
    ]
    key = Key(clean[1], clean[0])
    command = equivalent_command(key, "charts/dash-app", values)
    shell = "helm() { printf '%s\\0' \"$@\"; cat; }\n"
    ran = subprocess.run(
        ["/bin/sh", "-eu"],
        input=(shell + command).encode(),
        capture_output=True,
        env={"PATH": "/bin:/usr/bin"},
        cwd=Path("/"),
        check=True,
    )
    *argv, given = ran.stdout.decode().split("\0", 9)
    assert argv == [
        *("upgrade", "--install", key.name, "charts/dash-app", "--namespace", key.namespace),
        *("--reset-values", "--values", "-"),
    ]
    assert given == to_yaml(values)
    assert ran.stderr == b""
    return True
