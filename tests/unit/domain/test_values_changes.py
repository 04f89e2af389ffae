"""Differences of values, one by one, without secrets."""

from __future__ import annotations

import base64
import json

from msgspec import to_builtins

from portal.domain.values_changes import (
    CHANGED,
    MOST_CHANGES,
    MOST_TEXT,
    ValueChange,
    values_changes,
)

CANARY = "canary-7Fk2mQ9x"


def test_each_value_that_differs_is_listed_by_its_path() -> None:
    before = {"replicas": 1, "image": {"tag": "1.0", "repository": "a"}, "gone": {"x": True}}
    after = {"replicas": 3, "image": {"tag": "1.1", "repository": "a"}, "new": [1, 2]}
    assert values_changes(before, after).listed == (
        ValueChange("gone.x", True, None),
        ValueChange("image.tag", "1.0", "1.1"),
        ValueChange("new", None, "[1, 2]"),
        ValueChange("replicas", 1, 3),
    )
    assert values_changes(before, before).listed == ()


def test_items_with_names_are_found_by_them() -> None:
    before = {"env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]}
    after = {"env": [{"name": "B", "value": "3"}, {"name": "A", "value": "1"}]}
    assert values_changes(before, after).listed == (ValueChange("env[B].value", "2", "3"),)


def test_items_of_one_name_are_compared_as_a_whole() -> None:
    before = {"env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]}
    (change,) = values_changes(before, {"env": []}).listed
    assert change.path == "env"
    assert change.after == "[]"


def test_a_secret_that_changes_is_said_to_and_shown_in_no_spelling() -> None:
    before = {
        "password": "canary-before",
        "env": [{"name": "DB_PASSWORD", "value": "canary-before"}],
        "args": ["--token", "canary-before"],
        "url": "postgresql://ann:canary-before@db/x",
        "note": "none",
    }
    after = {
        "password": CANARY,
        "env": [{"name": "DB_PASSWORD", "value": CANARY}],
        "args": ["--token", CANARY],
        "url": f"postgresql://ann:{CANARY}@db/x",
        "note": f"it is {base64.b64encode(CANARY.encode()).decode()}, {json.dumps(CANARY)}",
    }
    changes = values_changes(before, after).listed
    assert {each.path for each in changes} == {
        *("password", "env[DB_PASSWORD].value", "args", "url", "note")
    }
    said = json.dumps(to_builtins(changes))
    assert "canary" not in said
    assert base64.b64encode(CANARY.encode()).decode() not in said
    by_path = {each.path: each for each in changes}
    assert by_path["password"].after == CHANGED
    assert by_path["url"].after == CHANGED


def test_what_is_listed_is_bounded() -> None:
    changes = values_changes({}, {f"v{number}": "x" * 1000 for number in range(150)})
    assert (len(changes.listed), changes.more) == (MOST_CHANGES, 150 - MOST_CHANGES)
    assert all(len(str(each.after)) < MOST_TEXT + 20 for each in changes.listed)
