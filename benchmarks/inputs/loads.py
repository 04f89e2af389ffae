"""Requests that are as large, deep, wide and many as they can be, to whatever callbacks there are.

They are made of what each callback declares (``/_dash-dependencies``), with every property in turn
at its worst and the others as a page would have them: a callback that is new is tried as well.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

Json = dict[str, Any]

KIB = 1024
DEEP = 100_000
ANSWERS = {200, 204, 400, 413}
"""Status codes with which a callback may be answered."""


@dataclass(frozen=True)
class Load:
    """A request body, and what is in it."""

    name: str
    body: str


def env_lines(size: int) -> str:
    """So many characters of environment variables, each of its own."""
    line = "NAME_{}=x\n"
    return "".join(line.format(number) for number in range(size // 12))[:size]


_TEXTS: dict[str, Callable[[int], str]] = {
    "letters": lambda size: "a" * size,
    "lines": env_lines,
    "names": lambda size: "".join(f"k{n}: v\n" for n in range(size // 10))[:size],
    "brackets": lambda size: "[" * size,
    "pairs": lambda size: "[],{}," * (size // 6),
    "anchors": lambda size: "a: &a [x]\n" + "b: [*a, *a]\n" * (size // 12),
    "digits": lambda size: "1" * size,
    "spaces": lambda size: " " * size + "!",
    "dashes": lambda size: "a" + "-" * size + "!",
    "slashes": lambda size: "a/" * (size // 2),
    "addresses": lambda size: "http://u:p@" * (size // 11),
    "percent": lambda size: "?q=" + "%41" * (size // 3),
    "queries": lambda size: "?" + "a=1&" * (size // 4),
    "emoji": lambda size: "😀" * (size // 2),
    "controls": lambda size: "\x00\x7f\u2028" * (size // 3),
    "half characters": lambda size: "\ud800" * (size // 6),
    "upload": lambda size: "data:;base64," + "YTogYgo=" * (size // 8),
}
SIZES = (250, 3 * KIB, 15 * KIB, 60 * KIB, 250 * KIB)
"""Below and above every limit of a text."""


def _raw() -> Iterator[tuple[str, str]]:
    """Values that are no text, as JSON."""
    yield "deep", "[" * DEEP + "]" * DEEP
    yield "less deep", '{"a":' * 900 + "1" + "}" * 900
    yield "wide list", f"[{','.join(['1'] * 100_000)}]"
    yield "wide names", f"{{{','.join(f'{json.dumps(str(n))}:[]' for n in range(20_000))}}}"
    yield "lists", f"[{','.join(['[],{}'] * 60_000)}]"
    yield "digits", "9" * 5_000
    yield "no number", "NaN"
    yield "large number", "1e999"


def loads(
    callbacks: list[Json], usual: Callable[[str, str], Any], sizes: Sequence[int] = SIZES
) -> Iterator[Load]:
    """Everything, for each callback. ``usual`` is what a page holds: by id and property."""
    for spec in callbacks:
        name = spec["output"].strip(".")[:40]
        for many in (0, 1, 400, 2_500):
            yield Load(f"{name}: {many} of each", json.dumps(request(spec, usual, many)))
        for each in (*spec["inputs"], *spec["state"]):
            what = f"{name}: {each['id'][:30]}.{each['property']}"
            for (kind, text), size in product(_TEXTS.items(), sizes):
                made = json.dumps(request(spec, _with(usual, each, text(size)), 1))
                yield Load(f"{what}: {size} of {kind}", made)
            for kind, raw in _raw():
                mark = "the value that is to be replaced"
                made = json.dumps(request(spec, _with(usual, each, mark), 1))
                yield Load(f"{what}: {kind}", made.replace(json.dumps(mark), raw))


def _with(
    usual: Callable[[str, str], Any], part: Mapping[str, str], value: object
) -> Callable[[str, str], Any]:
    def here(id: str, name: str) -> Any:
        return value if (id, name) == (part["id"], part["property"]) else usual(id, name)

    return here


def request(spec: Json, value: Callable[[str, str], Any], many: int) -> Json:
    """A request to a callback, well-formed; each pattern stands for ``many`` components."""

    def components(pattern: str) -> list[Json]:
        declared = json.loads(pattern)
        return [
            {
                name: each
                if each != ["ALL"]
                else number
                if name == "revision"
                else f"/#{number}"
                if name == "path"
                else f"n{number}"
                for name, each in declared.items()
            }
            for number in range(many)
        ]

    return well_formed(spec, value, components)


def well_formed(
    spec: Json, value: Callable[[str, str], Any], components: Callable[[str], list[Json]]
) -> Json:
    """A request to a callback in which everything has changed.

    ``value`` is what a page holds, by id and property; ``components`` are the ids that a pattern
    stands for, the same each time.
    """

    def filled(part: Json) -> Any:
        id, name = part["id"], part["property"]
        if not id.startswith("{"):
            return {"id": id, "property": name, "value": value(id, name)}
        return [
            {"id": each, "property": name, "value": each if name == "id" else value(id, name)}
            for each in components(id)
        ]

    def written(part: str) -> Any:
        id, name = part.rsplit(".", 1)
        if not id.startswith("{"):
            return {"id": id, "property": name}
        return [{"id": each, "property": name} for each in components(id)]

    inputs = [filled(each) for each in spec["inputs"]]
    outputs = [written(part) for part in spec["output"].strip(".").split("...")]
    flat = [one for each in inputs for one in (each if isinstance(each, list) else [each])]
    return {
        "output": spec["output"],
        "outputs": outputs if spec["output"].startswith("..") else outputs[0],
        "inputs": inputs,
        "state": [filled(each) for each in spec["state"]],
        "changedPropIds": [f"{_text(one['id'])}.{one['property']}" for one in flat],
    }


def _text(id: object) -> str:
    """An id as Dash spells it among what has changed."""
    return id if isinstance(id, str) else json.dumps(id, sort_keys=True, separators=(",", ":"))


def messages() -> Iterator[str]:
    """Yield messages for a live connection."""
    for size in (200, 600, 1_000, 60 * KIB):
        for text in _TEXTS.values():
            yield text(size).encode(errors="replace").decode()
            yield json.dumps({"view": text(size)})
            yield json.dumps({"view": f"apps?q={text(size)}"})
            yield json.dumps({"view": f"app/{text(size)}/a"})
        yield "[" * size
        yield '{"view":' * (size // 8)
