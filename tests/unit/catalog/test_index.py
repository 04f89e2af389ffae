"""Reading the index of a repository, and the rules of sources."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.catalog import index
from portal.catalog.images import image_allowed, image_problem, images_in
from portal.catalog.index import read_index
from portal.catalog.sources import Source, SourceKind
from portal.catalog.text import TextError
from portal.domain.charts import version_order

SOURCE = Source("team", SourceKind.REPOSITORY, "https://charts.example.com/team")

INDEX = f"""
apiVersion: v1
entries:
  web:
    - name: web
      version: 1.9.0
      urls: [web-1.9.0.tgz]
    - name: web
      version: 1.10.0
      appVersion: 2.5
      description: Serves.
      keywords: [a, 1, b]
      icon: https://example.com/web.png
      urls: ["https://cdn.example.com/web-1.10.0.tgz", "ftp://x/y"]
      digest: sha256:{"A" * 64}
      created: 2024-01-01T00:00:00Z
    - name: web
      version: 2.0.0-rc.1
      deprecated: true
      urls: [/web-2.0.0-rc.1.tgz]
    - {{name: web, version: 1.9.0, urls: [again.tgz]}}
    - {{name: other, version: 3.0.0, urls: [x.tgz]}}
    - {{name: web, version: 4.0.0}}
    - nonsense
  library: [{{name: library, version: 1.0.0, type: library, urls: [x.tgz]}}]
  ../evil: [{{version: 1.0.0, urls: [x.tgz]}}]
  none: 3
"""


def test_an_index_becomes_charts() -> None:
    read = read_index(INDEX, SOURCE)
    (web,) = read.charts
    assert [each.version for each in web.versions] == ["2.0.0-rc.1", "1.10.0", "1.9.0"]
    assert web.newest.version == "1.10.0"
    assert web.newest.app_version == "2.5"
    assert web.newest.keywords == ("a", "b")
    assert web.newest.urls == ("https://cdn.example.com/web-1.10.0.tgz",)
    assert web.newest.digest == "a" * 64
    assert web.versions[0].deprecated
    assert web.versions[0].urls == ("https://charts.example.com/web-2.0.0-rc.1.tgz",)
    assert web.versions[2].urls == ("https://charts.example.com/team/web-1.9.0.tgz",)
    assert web.version("9.9.9") is None
    assert read.skipped == 7


def test_only_allowed_charts_are_read() -> None:
    only = Source("team", SourceKind.REPOSITORY, "https://x.example", charts=("other*",))
    assert read_index(INDEX, only).charts == ()


@pytest.mark.parametrize("text", ["", "[]", "entries: 3", "entries: [", "a: &a [*a]"])
def test_what_is_no_index_is_refused(text: str) -> None:
    with pytest.raises(TextError):
        read_index(text, SOURCE)


def test_a_huge_index_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MAX_CHARTS", 3)
    monkeypatch.setattr(index, "MAX_VERSIONS", 2)
    entries = "".join(
        f"  c{n}: [{', '.join(f'{{version: 1.{v}.0, urls: [x]}}' for v in range(5))}]\n"
        for n in range(9)
    )
    read = read_index(f"entries:\n{entries}", SOURCE)
    assert [each.name for each in read.charts] == ["c0", "c1", "c2"]
    assert [each.version for each in read.charts[0].versions] == ["1.4.0", "1.3.0"]
    assert read.skipped == 6


_scalar = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
_entry = st.dictionaries(
    st.sampled_from(["name", "version", "urls", "digest", "keywords", "icon", "type", "x"]),
    _scalar | st.lists(_scalar, max_size=3),
)


@given(st.dictionaries(st.text(max_size=8), _scalar | st.lists(_scalar | _entry, max_size=4)))
def test_any_index_is_read_without_an_error(entries: dict[str, object]) -> None:
    read_index(json.dumps({"entries": entries}), SOURCE)


def test_versions_are_ordered_as_semantic_versions() -> None:
    ordered = [
        "odd",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0",
        "v1.2.0",
        "1.10.0",
    ]
    mixed = ordered[::-1]
    assert sorted(mixed, key=version_order) == ordered


@pytest.mark.parametrize(
    ("image", "patterns", "allowed"),
    [
        ("nginx", (), True),
        ("nginx:1.0", ("docker.io/library/*",), True),
        ("team/app", ("docker.io/library/*",), False),
        ("docker.io/team/app@sha256:" + "a" * 64, ("docker.io/team/*",), True),
        ("registry.example.com:5000/team/app:1", ("registry.example.com:5000/*",), True),
        ("registry.example.com.evil.org/team/app", ("registry.example.com/*",), False),
        ("evil.org/registry.example.com/team", ("registry.example.com/*",), False),
        ("Registry.Example.com/team/app", ("registry.example.com/team/*",), True),
        ("index.docker.io/library/nginx", ("docker.io/library/nginx",), True),
    ],
)
def test_images_are_matched_by_their_whole_name(
    image: str, patterns: tuple[str, ...], allowed: bool
) -> None:
    assert image_allowed(image, patterns) is allowed


def test_images_are_found_in_values() -> None:
    values = {
        "image": {"registry": "r.example", "repository": "team/app", "tag": "1"},
        "sidecars": [{"image": "busybox:1"}, {"image": {"repository": "x"}}],
        "git": {"repository": "https://example.com/x.git"},
        "repository": 3,
    }
    assert set(images_in(values)) == {"r.example/team/app", "busybox:1", "x"}
    assert "busybox" in image_problem("busybox:1", ("r.example/*",))
    assert image_problem("busybox:1", ()) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "Team", "kind": SourceKind.REPOSITORY, "url": "https://x"},
        {"name": "team", "kind": SourceKind.REPOSITORY, "url": "file:///etc"},
        {"name": "team", "kind": SourceKind.REPOSITORY, "url": "https://user:pass@x"},
        {"name": "team", "kind": SourceKind.OCI, "url": "oci://x"},
        {"name": "team", "kind": SourceKind.OCI, "url": "oci://x", "charts": ("a*",)},
        {"name": "team", "kind": SourceKind.OCI, "url": "oci://x", "charts": ("../a",)},
        {"name": "team", "kind": SourceKind.FOLDER},
    ],
)
def test_a_wrong_source_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="eam: "):
        Source(**wrong)  # pyright: ignore[reportArgumentType]


def test_a_source_knows_its_hosts() -> None:
    source = Source(
        "team", SourceKind.OCI, "oci://R.example:5000/x", None, ("a",), ("Auth.example",)
    )
    assert source.allowed_hosts == {"r.example:5000", "auth.example"}
    assert Source("here", SourceKind.FOLDER, path=Path()).allowed_hosts == frozenset()
