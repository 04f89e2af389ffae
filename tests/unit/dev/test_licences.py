"""What the image holds is under licences that are permissive, or let in by name."""

from __future__ import annotations

from importlib.metadata import Distribution
from pathlib import Path

import pytest

from dev import licences
from dev.image.sbom import licence


def test_every_package_is_let_in() -> None:
    found = {**licences.python_packages(), **licences.DEBIAN}
    assert licences.refused(found) == []
    stale = [name for name in licences.NAMED if licences.permissive(found.get(name, "MIT"))]
    assert stale == []


def test_an_unknown_or_copyleft_licence_is_refused() -> None:
    found = {"a": "", "b": "GPL-3.0-only", "c": "MIT AND AGPL-3.0-only", "d": "GPL-2.0-only OR MIT"}
    assert licences.refused(found) == [
        "a: no licence is known",
        "b: GPL-3.0-only",
        "c: MIT AND AGPL-3.0-only",
    ]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ("License-Expression: MIT OR GPL-2.0-only", "MIT OR GPL-2.0-only"),
        ("License: MIT", "MIT"),
        ("License: BSD\nClassifier: License :: OSI Approved :: BSD License", "BSD-3-Clause"),
        ("License: Apache License, Version 2.0", "Apache-2.0"),
        (
            "License: MIT License\nClassifier: License :: OSI Approved :: Apache Software License",
            "MIT",
        ),
        (
            "Classifier: License :: OSI Approved :: MIT License\n"
            "Classifier: License :: OSI Approved :: Apache Software License",
            "Apache-2.0 AND MIT",
        ),
        ("License: as you like", ""),
    ],
)
def test_a_licence_is_what_the_package_says(tmp_path: Path, metadata: str, expected: str) -> None:
    folder = tmp_path / "a-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: a\nVersion: 1\n{metadata}\n")
    assert licence(Distribution.at(folder)) == expected
