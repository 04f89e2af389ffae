"""No secret may reach a page; everything else must."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from portal.domain.redaction import values_yaml
from portal.domain.secrets import HIDDEN, looks_secret, redacted

SECRET = "hunter2hunter2"


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "dbPassword",
        "DB_PASSWORD",
        "postgres-password",
        "PGPASSWORD",
        "token",
        "accessToken",
        "API_KEY",
        "apiKey",
        "apikey",
        "secret",
        "clientSecret",
        "SECRET_KEY_BASE",
        "credentials",
        "AWS_SECRET_ACCESS_KEY",
        "privateKey",
        "passphrase",
        "SENTRY_DSN",
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "replicaCount",
        "keyboard",
        "monkey",
        "authorName",
        "compass",
        "existingSecret",
        "pullSecrets",
        "topologyKey",
        "automountServiceAccountToken",
        "repository",
        "",
    ],
)
def test_names_of_other_things(name: str) -> None:
    assert not looks_secret(name)


@pytest.mark.parametrize(
    "values",
    [
        {"password": SECRET},
        {"auth": {"admin": {"name": SECRET}}},
        {"extraEnvVars": [{"name": "DB_PASSWORD", "value": SECRET}]},
        {"env": {"API_TOKEN": SECRET}},
        {"tokens": [SECRET, SECRET]},
        {"url": f"postgres://ada:{SECRET}@db:5432/x"},
        {"extraEnvVars": [{"name": "DATABASE_URL", "value": f"redis://:{SECRET}@cache/0"}]},
        {"args": [f"--api-key={SECRET}"]},
        {"args": ["--token", SECRET]},
        {"env": [f"DB_PASSWORD={SECRET}"]},
        {"tls": {"crt": f"-----BEGIN RSA PRIVATE KEY-----\n{SECRET}"}},
        {"pin": 1, "secret": 12345678, "deep": ({"token": SECRET},)},
    ],
)
def test_secrets_are_hidden(values: dict[str, object]) -> None:
    text = values_yaml(values)
    assert SECRET not in text
    assert "12345678" not in text
    assert HIDDEN in text


def test_everything_else_stays_as_it_was() -> None:
    values: dict[str, object] = {
        "image": {"repository": "localhost:5000/demo", "tag": "1.0", "pullSecrets": ["registry"]},
        "replicaCount": 3,
        "autoscaling": {"enabled": True, "targetCPU": 70, "targetMemory": None},
        "extraEnvVars": [
            {"name": "GREETING", "value": "naïve “text”"},
            {"name": "DB", "valueFrom": {"secretKeyRef": {"name": "db", "key": "url"}}},
        ],
        "automountServiceAccountToken": False,
        "args": ["--workers=2", "--bind", "0.0.0.0:8050"],
        "auth": {"enabled": True, "password": ""},
    }
    assert yaml.safe_load(values_yaml(values)) == values


def test_the_order_is_kept_and_nothing_is_nothing() -> None:
    assert values_yaml({"b": 1, "a": 2}) == "b: 1\na: 2\n"
    assert values_yaml({}) == ""


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.dates() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=6,
)


@given(st.dictionaries(st.text(), ODD))
def test_any_values_give_yaml(values: dict[str, object]) -> None:
    text = values_yaml(values)
    assert (text == "") is (not values)


@given(ODD)
def test_hiding_twice_is_hiding_once(value: object) -> None:
    once = redacted(value)
    assert repr(redacted(once)) == repr(once)


@given(st.sampled_from(["password", "API_KEY", "x-token"]), ODD)
def test_under_a_secret_name_no_text_survives(name: str, value: object) -> None:
    def leaves(item: object) -> list[object]:
        if isinstance(item, dict):
            return [leaf for each in item.values() for leaf in leaves(each)]
        if isinstance(item, list):
            return [leaf for each in item for leaf in leaves(each)]
        return [item]

    shown = redacted({name: value})
    for leaf in leaves(shown):
        assert leaf is None or leaf in (HIDDEN, "") or isinstance(leaf, bool)
