"""Value documentation of Helm charts, from one source: the comments of values.yaml.

    python -m dev.chart_docs [CHART…]           write README.md and values.schema.json
    python -m dev.chart_docs --check [CHART…]   say what is out of date, and exit with 1

A comment ``# -- text`` above a key documents that key, and everything below it that has no comment
of its own; following comment lines continue the text. A comment of one line between blank lines is
the title of a section. The tables go between the two markers in the chart's README.md; descriptions
and defaults go into the schema, whose constraints are written by hand.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

ROOT = Path(__file__).resolve().parent.parent
BEGIN = "<!-- values: begin (written by dev/chart_docs.py) -->"
END = "<!-- values: end -->"

Json = dict[str, Any]


class DocsError(Exception):
    """A value without documentation, or values.yaml and the schema disagree about what exists."""


@dataclass(frozen=True)
class Value:
    """One documented value of a chart."""

    path: tuple[str, ...]
    default: Any
    description: str
    section: str

    @property
    def name(self) -> str:
        """Return the name as ``--set`` takes it."""
        return ".".join(self.path)


def read_values(text: str) -> list[Value]:
    """Return the documented values of a values.yaml, in its order.

    Raises DocsError when a leaf has no documentation of its own or above it.
    """
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise DocsError("values.yaml is not a mapping")
    return list(_walk(root, (), yaml.safe_load(text), text.splitlines(), covered=False))


def _walk(
    node: yaml.MappingNode, path: tuple[str, ...], values: Json, lines: list[str], *, covered: bool
) -> Iterator[Value]:
    for key, child in node.value:
        name = cast("str", key.value)
        here = (*path, name)
        description = _comment_above(lines, key.start_mark.line)
        if description:
            section = _section(lines, key.start_mark.line)
            yield Value(here, values[name], description, section)
        if isinstance(child, yaml.MappingNode) and child.value:
            yield from _walk(child, here, values[name], lines, covered=covered or bool(description))
        elif not (description or covered):
            raise DocsError(f"{'.'.join(here)} has no '# -- ' comment above it")


def _comment_above(lines: list[str], line: int) -> str:
    """Return the ``# -- `` comment that ends just above a line, as one line of text."""
    found: list[str] = []
    for above in reversed(lines[:line]):
        text = above.strip()
        if not text.startswith("# "):
            return ""
        found.insert(0, text.removeprefix("# ").removeprefix("-- "))
        if text.startswith("# -- "):
            return " ".join(found)
    return ""


def _section(lines: list[str], line: int) -> str:
    """Return the last comment above a line that stands alone between blank lines."""
    for here in reversed(range(line)):
        before = lines[here - 1].strip() if here else ""
        after = lines[here + 1].strip()
        if lines[here].startswith("# ") and not (before or after):
            return lines[here].removeprefix("# ")
    return "Values"


def tables(values: Sequence[Value]) -> str:
    """Return the values as Markdown, one table for each section."""
    out: list[str] = []
    section = ""
    for value in values:
        if value.section != section:
            section = value.section
            out += ["", f"### {section}", "", "| Value | Default | Meaning |", "|---|---|---|"]
        default = json.dumps(value.default, ensure_ascii=False)
        meaning = value.description.replace("|", "\\|")
        out.append(f"| `{value.name}` | `{default}` | {meaning} |")
    return "\n".join(out).strip() + "\n"


def document_schema(schema: Json, values: Sequence[Value]) -> Json:
    """Return the schema with the values' descriptions and defaults in it.

    Raises DocsError when the schema lacks a value or knows one that values.yaml does not name.
    """
    out = cast("Json", json.loads(json.dumps(schema)))
    for value in values:
        at = _property(out, value.path)
        at.pop("description", None)
        at.pop("default", None)
        at["description"] = value.description
        if not (isinstance(value.default, dict) and value.default):
            at["default"] = value.default
    documented = {value.path for value in values}
    for path in _leaves(out, ()):
        covered = any(path[:length] in documented for length in range(1, len(path) + 1))
        if not covered and path != ("global",):
            raise DocsError(f"the schema knows {'.'.join(path)}, values.yaml does not")
    return out


def _property(schema: Json, path: tuple[str, ...]) -> Json:
    at = schema
    for name in path:
        try:
            at = at["properties"][name]
        except KeyError:
            raise DocsError(f"the schema lacks {'.'.join(path)}") from None
    return at


def _leaves(schema: Json, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if "properties" not in schema:
        yield path
    for name, child in schema.get("properties", {}).items():
        yield from _leaves(child, (*path, name))


def all_charts() -> list[Path]:
    """Return the charts below charts/ and helm/."""
    files = [*ROOT.glob("charts/*/Chart.yaml"), *ROOT.glob("helm/*/Chart.yaml")]
    return sorted(file.parent for file in files)


def generate(chart: Path) -> dict[Path, str]:
    """Return what the chart's generated files should hold. Raises DocsError."""
    values = read_values((chart / "values.yaml").read_text())
    readme_file, schema_file = chart / "README.md", chart / "values.schema.json"
    readme = readme_file.read_text() if readme_file.exists() else ""
    if BEGIN not in readme or END not in readme:
        raise DocsError(f"{readme_file} lacks the markers {BEGIN} and {END}")
    before, rest = readme.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    schema = document_schema(json.loads(schema_file.read_text()), values)
    return {
        readme_file: f"{before}{BEGIN}\n\n{tables(values)}\n{END}{after}",
        schema_file: json.dumps(schema, indent=2, ensure_ascii=False) + "\n",
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the documentation of the charts named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m dev.chart_docs")
    parser.add_argument(
        "--check", action="store_true", help="change nothing; exit 1 on a difference"
    )
    parser.add_argument("charts", nargs="*", type=Path, help="default: all charts of the project")
    options = parser.parse_args(arguments)
    stale = failed = False
    for chart in options.charts or all_charts():
        try:
            wanted = generate(chart)
        except DocsError as error:
            print(f"{chart}: {error}", file=sys.stderr)
            failed = True
            continue
        for file, text in wanted.items():
            if file.read_text() == text:
                continue
            stale = True
            if options.check:
                print(
                    f"{file} is out of date: run python -m dev.chart_docs {chart}", file=sys.stderr
                )
            else:
                file.write_text(text)
                print(f"wrote {file}")
    return 1 if failed or (stale and options.check) else 0


if __name__ == "__main__":
    sys.exit(main())
