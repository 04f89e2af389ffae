"""New secret values: kept in a Secret of the app, and nowhere else."""

from __future__ import annotations

import re
from typing import Any

import pytest
from msgspec.structs import replace

from portal.catalog.env_keys import key_line, read_keys, show_keys, with_secrets
from portal.catalog.launch_field import FieldError
from portal.catalog.values import as_list, as_mapping, get
from portal.domain.errors import ChartError, InvalidInput
from portal.domain.launch import EnvVar, SecretVar
from portal.domain.operations import OperationPhase
from portal.releases.new_secrets import NewSecrets
from tests.unit.releases.test_actions import ANN, KEY, SPEC, World
from tests.unit.releases.test_forms import FORMS, form

WORD = "open-sesame"
WITH_SECRET = replace(SPEC, env=(EnvVar("A", "1"),), secrets=(SecretVar("API_TOKEN", WORD),))


async def test_a_value_goes_into_a_secret_and_nowhere_else(caplog: Any) -> None:
    world = World()
    ended = await world.ended(await world.actions.launch(ANN, WITH_SECRET))
    assert ended.phase is OperationPhase.SUCCEEDED
    ((name, content),) = world.env_secrets.made.items()
    assert re.fullmatch(rf"{KEY.name}-env-[0-9a-f]{{6}}", name)
    assert content == {"API_TOKEN": WORD}
    assert world.env_secrets.settled == [name]
    values = world.cluster.shown[KEY][1]
    assert values["extraEnvVars"] == [
        {"name": "A", "value": "1"},
        {
            "name": "API_TOKEN",
            "valueFrom": {"secretKeyRef": {"name": name, "key": "API_TOKEN"}},
        },
    ]
    everywhere = (world.helm.calls, values, ended, world.operation(), caplog.text, WITH_SECRET)
    assert WORD not in repr(everywhere)

    # An edit that names no new value keeps the Secret; another value makes another one.
    prefilled = FORMS.prefill(KEY, values)
    assert prefilled["secrets"] == ""
    assert prefilled["env_keys"] == f"API_TOKEN={name}/API_TOKEN"
    spec = FORMS.check(prefilled).spec
    assert spec is not None
    await world.ended(await world.actions.launch(ANN, spec))
    assert list(world.env_secrets.made) == [name]
    await world.ended(
        await world.actions.launch(ANN, replace(spec, secrets=(SecretVar("API_TOKEN", "other"),)))
    )
    old, new = world.env_secrets.made
    _, changed = as_list(world.cluster.shown[KEY][1]["extraEnvVars"])
    assert old == name
    assert get(as_mapping(changed), "valueFrom.secretKeyRef.name") == new
    await world.close()


async def test_a_failed_launch_settles_its_secret_and_forgets_the_value() -> None:
    world = World()
    world.helm.errors.append(ChartError("no"))
    ended = await world.ended(await world.actions.launch(ANN, WITH_SECRET))
    assert ended.phase is OperationPhase.FAILED
    assert world.env_secrets.settled == list(world.env_secrets.made)
    assert WORD not in repr(await world.actions.failed_form(ANN, KEY))
    kept = await world.actions.failed_request(ANN, KEY)
    assert kept is not None
    assert kept.secrets == ()
    await world.close()


def test_a_portal_that_keeps_no_values_says_so() -> None:
    request = FORMS.request(WITH_SECRET)
    assert NewSecrets(None).problems(request).keys() == {"secrets"}
    assert NewSecrets(None).problems(replace(request, secrets=())) == {}


@pytest.mark.parametrize(
    ("field", "content", "words"),
    [
        ("secrets", f"TOKEN: {WORD}", "NAME=value"),
        ("secrets", f"A={WORD}\nTOKEN=", "TOKEN has no value"),
        ("secrets", f"A={WORD}\nA={WORD}", "given twice"),
        ("env_keys", "A", "write NAME=secret/key"),
        ("env_keys", "A=secret", "write NAME=secret/key"),
        ("env_keys", "1A=s/k", "a variable's name"),
        ("env_keys", "A=My Secret/k", "the name of a Secret"),
        ("env_keys", "A=configmap:B/k", "the name of a ConfigMap"),
        ("env_keys", "A=s/k/x", "cannot be a key"),
        ("env_keys", "A=s/k\nA=s/l", "given twice"),
    ],
)
def test_a_mistake_is_told_without_the_value(field: str, content: str, words: str) -> None:
    errors = FORMS.check(form(**{field: content})).errors
    assert words in errors[field]
    assert WORD not in repr(errors)


def test_a_variable_is_set_once() -> None:
    assert FORMS.check(form(env="A=1", secrets="A=2")).errors.keys() == {"secrets"}
    assert FORMS.check(form(env="A=1", env_keys="A=s/k")).errors.keys() == {"env_keys"}


def test_variables_from_keys_are_sent_and_shown_again() -> None:
    lines = "TOKEN=login/pass.word\nMODE=configmap:team/mode"
    spec = FORMS.check(form(env="A=1", env_keys=lines)).spec
    assert spec is not None
    values = FORMS.values(spec, "")
    assert FORMS.prefill(KEY, values)["env_keys"] == lines
    assert show_keys({"extraEnvVars": [{"name": "A", "valueFrom": {"fieldRef": {}}}]}) == ""
    optional = {"secretKeyRef": {"name": "s", "key": "k", "optional": True}}
    assert key_line({"name": "A", "valueFrom": optional}) == ""
    with pytest.raises(FieldError):
        read_keys("A=b")


def test_a_new_value_takes_the_place_of_the_variable() -> None:
    before = {"extraEnvVars": [{"name": "T", "value": "x"}, {"name": "B", "value": "$(T)"}]}
    found: Any = with_secrets(before, "s", ["T", "N"])["extraEnvVars"]
    assert [each["name"] for each in found] == ["T", "B", "N"]
    assert found[0]["valueFrom"]["secretKeyRef"] == {"name": "s", "key": "T"}


async def test_it_is_refused_before_anything_begins_when_a_name_is_wrong() -> None:
    world = World()
    with pytest.raises(InvalidInput):
        await world.actions.launch(ANN, replace(WITH_SECRET, tag=""))
    assert world.env_secrets.made == {}
    await world.close()
