from __future__ import annotations

import pytest

from portal.domain.errors import PortalError
from portal.domain.secrets import scrubbed, secret_texts
from portal.viewmodels import manifest
from portal.viewmodels.manifest import manifest_yaml

MANIFEST = """
kind: Secret
metadata: {name: s}
stringData: {anything: in-the-secret}
---
kind: Deployment
metadata: {name: d}
spec:
  args: [--token, by-name-of-flag, "user=in-the-values"]
  env:
    - {name: DB_PASSWORD, value: by-name-of-variable}
    - {name: URL, value: "postgres://me:in-an-address@db/x"}
    - {name: PLAIN, value: "see in-the-secret"}
"""


def test_every_secret_is_hidden_and_all_else_is_there() -> None:
    text = manifest_yaml(MANIFEST, "apps", {"database": {"password": "in-the-values"}})
    hidden = ("in-the-secret", "in-the-values", "by-name-of", "in-an-address")
    assert not [each for each in hidden if each in text]
    assert "---\n" in text
    for shown in ("kind: Deployment", "anything:", "DB_PASSWORD", "postgres://me:", "user="):
        assert shown in text


def test_nothing_and_nonsense() -> None:
    assert manifest_yaml("", "apps", {}) == ""
    with pytest.raises(PortalError, match="not YAML"):
        manifest_yaml("a: [", "apps", {})


def test_the_texts_that_are_hidden() -> None:
    values = {
        "token": 12345678,
        "pin": "12",
        "password": "short",
        "list": ["--api-key=in-an-argument", {"secret": ["in-a-list"]}],
        "url": "redis://u:in-an-address@h/ and redis://u:the-second-one@h/",
        "plain": "nothing",
    }
    found = secret_texts(values)
    assert set(found) == {
        "12345678",
        "in-an-argument",
        "in-a-list",
        "in-an-address",
        "the-second-one",
    }
    assert [len(each) for each in found] == sorted(map(len, found), reverse=True)
    tree = {"a": ["x in-a-list y"], 1: None, "n": 3}
    assert scrubbed(tree, found) == {"a": ["x (hidden) y"], "1": None, "n": 3}


def test_a_long_manifest_is_cut_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest, "MOST", 1024)
    one = f"kind: ConfigMap\nmetadata: {{name: {{}}}}\ndata: {{a: {'b' * 600}}}\n"
    text = "---\n".join(one.replace("{}", f"a{n}", 1) for n in range(10))
    shown = manifest_yaml(text, "apps", {})
    assert shown.endswith("of which the first 1 KiB are shown. 8 more objects are not shown.")
    assert len(shown) < 1200


def test_too_many_secrets_are_refused() -> None:
    values = {"password": [f"secret-{n}" for n in range(manifest.MOST_SECRETS + 1)]}
    with pytest.raises(PortalError, match="secrets"):
        manifest_yaml("kind: A", "apps", values)
