"""The further fields of the launch form: what they accept, send, and show again."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog.launch_contents import show_words, words
from portal.catalog.launch_fields import BY_NAME, hidden_paths
from portal.catalog.presets import Preset
from portal.domain.keys import Key
from portal.domain.namespaces import NamespaceRules
from portal.releases.forms import ReleaseForms

KEY = Key("apps", "a")
FORMS = ReleaseForms(NamespaceRules(("apps",)), "apps", presets=(Preset("P", "r/a", "1"),))
NESTED = "lie one in the other"


def form(**changes: object) -> dict[str, object]:
    return {**FORMS.defaults(), "name": "a", **changes}


def sent(**changes: object) -> dict[str, Any]:
    checked = FORMS.check(form(**changes))
    assert checked.spec is not None, checked.errors
    return FORMS.values(checked.spec, "")


@pytest.mark.parametrize(
    ("field", "content", "values", "shown"),
    [
        (
            "command",
            "python -m 'my app' \"\"",
            {"command": ["python", "-m", "my app", ""]},
            "python -m 'my app' ''",
        ),
        ("args", "--title a\\ b", {"args": ["--title", "a b"]}, "--title 'a b'"),
        ("timezone", "Europe/Berlin", {"timezone": "Europe/Berlin"}, None),
        ("scratch_size", "2Gi", {"scratch": {"sizeLimit": "2Gi"}}, None),
        ("shared_memory", " 64Mi", {"sharedMemory": {"sizeLimit": "64Mi"}}, "64Mi"),
        ("env_secret", "db.login", {"extraEnvVarsSecret": "db.login"}, None),
        ("env_config_map", "team", {"extraEnvVarsCM": "team"}, None),
        (
            "health_path",
            "/healthz",
            {"startupProbe": {"path": "/healthz"}, "readinessProbe": {"path": "/healthz"}},
            None,
        ),
        ("health_path", "", {"startupProbe": {"path": ""}, "readinessProbe": {"path": ""}}, None),
        (
            "start_time",
            "301",
            {"startupProbe": {"periodSeconds": 2, "failureThreshold": 151}},
            302,
        ),
        (
            "writable_folders",
            "/app/data/\n\n/var/cache empty",
            {
                "writableFolders": [
                    {"path": "/app/data", "copy": True},
                    {"path": "/var/cache"},
                ]
            },
            "/app/data\n/var/cache empty",
        ),
        (
            "writable_root",
            True,
            {"containerSecurityContext": {"readOnlyRootFilesystem": False}},
            None,
        ),
        (
            "runs_as",
            "image",
            {"containerSecurityContext": {"runAsUser": None, "runAsGroup": None}},
            None,
        ),
        (
            "runs_as",
            "1234",
            {"containerSecurityContext": {"runAsUser": 1234, "runAsGroup": 1234}},
            None,
        ),
        ("pull_secrets", "one\ntwo.b", {"image": {"pullSecrets": ["one", "two.b"]}}, None),
        ("labels", "team=sales\na.b/c=", {"commonLabels": {"team": "sales", "a.b/c": ""}}, None),
    ],
)
def test_a_field_is_sent_and_shown_again(
    field: str, content: object, values: dict[str, Any], shown: object
) -> None:
    made = sent(**{field: content})
    for name, each in values.items():
        for path, value in each.items() if isinstance(each, dict) else [("", each)]:
            assert (made[name][path] if path else made[name]) == value
    prefilled = FORMS.prefill(KEY, made)
    assert prefilled[field] == (content if shown is None else shown)
    again = FORMS.check(prefilled).spec
    assert again is not None
    assert FORMS.values(again, "", made) == made
    assert hidden_paths(made) == []
    # An emptied field gives the chart its default back.
    usual = FORMS.check({**prefilled, field: BY_NAME[field].default}).spec
    assert usual is not None
    assert FORMS.values(usual, "", made) == sent()


@pytest.mark.parametrize(
    ("field", "content", "words"),
    [
        ("command", "python 'app", "quote is not closed"),
        ("args", "a \\", "backslash at the end"),
        ("command", "x" * 5000, "too long"),
        ("command", "a\nb", "cannot pass on"),
        ("timezone", "middle of nowhere", "Europe/Berlin"),
        ("scratch_size", "200m", "200Mi"),
        ("shared_memory", "lots", "not a quantity"),
        ("env_secret", "My Secret", "cannot be the name of a Secret"),
        ("env_config_map", "a/b", "cannot be the name of a ConfigMap"),
        ("health_path", "healthz", "begins with"),
        ("health_path", "/a b", "no spaces"),
        ("start_time", "0", "between 1 and 3600"),
        ("start_time", "soon", "whole number"),
        ("writable_folders", "/", "Line 1"),
        ("writable_folders", "/tmp", "the container's own"),
        ("writable_folders", "/tmp/x", "writable already"),
        ("writable_folders", "/dev/shm", "writable already"),
        ("writable_folders", "data", "begins with"),
        ("writable_folders", "/a\n/a/", "Line 2: /a is given twice"),
        ("writable_folders", "/a/b\n/a", NESTED),
        ("writable_folders", "/a\n/a/b empty", NESTED),
        ("writable_folders", "/a full", "only the word"),
        ("runs_as", "www-data", "a user's number"),
        ("runs_as", "-1", "a user's number"),
        ("runs_as", str(2**31), "a user's number"),
        ("pull_secrets", "a\na", "given twice"),
        ("pull_secrets", "A_B", "cannot be the name of a pull secret"),
        ("labels", "team", "write key=value"),
        ("labels", "team=a b", "Line 1"),
        ("labels", "Big/team=a", "a domain in lower case"),
        ("labels", "a=1\na=2", "Line 2: a is given twice"),
        ("labels", "app.kubernetes.io/name=x", "set by Helm or the portal"),
    ],
)
def test_a_mistake_is_told_beside_its_field(field: str, content: str, words: str) -> None:
    errors = FORMS.check(form(**{field: content})).errors
    assert errors.keys() == {field}
    assert words in errors[field]


def test_files_are_checked_together() -> None:
    volume = {"claim": "c", "mount_path": "/data"}
    for folder in ("/data", "/data/x"):
        found = FORMS.check(form(writable_folders=folder, **volume)).errors
        assert "in each other's way" in found["writable_folders"]
    assert not FORMS.check(form(writable_folders="/database", **volume)).errors
    warned = FORMS.check(form(shared_memory="256Mi", memory_limit="256Mi")).warnings
    assert "counts as memory" in warned["shared_memory"]
    assert not FORMS.check(form(shared_memory="64Mi", memory_limit="256Mi")).warnings


@pytest.mark.parametrize(
    "existing",
    [
        {"command": ["sh", "-c", "one\ntwo"]},
        {"startupProbe": {"path": "/a"}, "readinessProbe": {"path": "/b"}},
        {"containerSecurityContext": {"runAsUser": 5, "runAsGroup": 6}},
        {"startupProbe": {"periodSeconds": 3, "failureThreshold": 5}},
        {"writableFolders": [{"path": 1}]},
    ],
)
def test_what_the_form_cannot_show_is_kept_while_its_field_is_left_alone(
    existing: dict[str, Any],
) -> None:
    checked = FORMS.check(form() | FORMS.prefill(KEY, {"image": {"repository": "a"}, **existing}))
    assert checked.spec is not None, checked.errors
    kept = FORMS.values(checked.spec, "", existing)
    assert {name: kept[name] for name in existing} == existing


@given(st.lists(st.text(st.characters(min_codepoint=32, max_codepoint=126)), max_size=6))
def test_a_command_line_is_read_as_it_was_written(command: list[str]) -> None:
    assert (words(show_words(command)) or []) == command
