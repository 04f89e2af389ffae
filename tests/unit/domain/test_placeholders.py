from __future__ import annotations

import pytest

from portal.domain.placeholders import restored
from portal.domain.secrets import HIDDEN, redacted

REAL: dict[str, object] = {
    "password": "correct-horse",
    "port": 5432,
    "auth": {"user": "bob", "pin": 1234, "on": True},
    "url": "postgres://u:hunter22@db/sales",
    "env": [
        {"name": "GREETING", "value": "hello"},
        {"name": "DB_PASSWORD", "value": "letmein-1"},
        {"name": "API_TOKEN", "value": "tok-2"},
    ],
    "args": ["--token", "tok-3", "--verbose"],
}


def shown() -> dict[str, object]:
    found = redacted(REAL)
    assert isinstance(found, dict)
    return found


def test_what_comes_back_unchanged_is_what_there_was() -> None:
    assert "correct-horse" not in str(shown())
    back = restored(shown(), REAL)
    assert (back.values, back.unknown) == (REAL, ())


def test_an_edit_beside_secrets_keeps_them() -> None:
    sent = shown() | {"port": 5433, "extra": "x"}
    assert restored(sent, REAL).values == REAL | {"port": 5433, "extra": "x"}


def test_a_secret_may_be_replaced_or_taken_away() -> None:
    sent = shown() | {"password": "new"}
    del sent["url"]
    back = restored(sent, REAL)
    assert back.values["password"] == "new"
    assert "url" not in back.values
    assert back.unknown == ()


def test_variables_belong_together_by_name() -> None:
    env = shown()["env"]
    assert isinstance(env, list)
    moved = [{"name": "NEW", "value": "1"}, env[2], env[1]]
    back = restored({"env": moved}, REAL)
    assert back.values["env"] == [
        {"name": "NEW", "value": "1"},
        {"name": "API_TOKEN", "value": "tok-2"},
        {"name": "DB_PASSWORD", "value": "letmein-1"},
    ]
    assert back.unknown == ()


@pytest.mark.parametrize(
    ("sent", "where"),
    [
        ({"note": HIDDEN}, ("note",)),
        ({"other": {"password": HIDDEN}}, ("other", "password")),
        ({"url": f"postgres://u:{HIDDEN}@evil.example/sales"}, ("url",)),
        ({"env": [{"name": "GREETING", "value": HIDDEN}]}, ("env", 0, "value")),
        ({"env": [{"name": "NEW_PASSWORD", "value": HIDDEN}]}, ("env", 0, "value")),
        ({"args": ["--greeting", HIDDEN, "--verbose"]}, ("args", 1)),
        ({"password": f"x{HIDDEN}"}, ("password",)),
    ],
)
def test_a_placeholder_elsewhere_stands_for_nothing(
    sent: dict[str, object], where: tuple[str | int, ...]
) -> None:
    assert restored(sent, REAL).unknown == (where,)


def test_nothing_is_compared_where_there_is_no_placeholder() -> None:
    assert restored({"a": [1, {"b": None}]}, REAL).values == {"a": [1, {"b": None}]}


def test_without_a_release_no_placeholder_means_anything() -> None:
    assert restored({"password": HIDDEN}, {}).unknown == (("password",),)
