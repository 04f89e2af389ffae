"""The references of a chart's schema, followed as Helm does: all must lead into the schema itself.

Helm would fetch the rest, from its own network. Tried with Helm 4.3 and its JSON Schema library: it
knows the places where a dialect has subschemas, an ``$id`` there as the address of what is below,
anchors, and the metaschemas of json-schema.org. It follows what a schema uses, wherever that leads,
into data as well, and asks for every ``$schema`` of a subschema. A name (``urn:``) that it does not
find stands for anything. Pure.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from typing import cast
from urllib.parse import unquote, urljoin, urlsplit

from msgspec import Struct, field

from portal.catalog.values import Values, as_list, as_mapping

_ROOT = "file:///values.schema.json"
_LATEST = 2020
_DRAFTS = {
    "schema": _LATEST,
    "draft-04/schema": 4,
    "draft-06/schema": 6,
    "draft-07/schema": 7,
    "draft/2019-09/schema": 2019,
    "draft/2020-12/schema": 2020,
}
_SITES = ("http://json-schema.org/", "https://json-schema.org/")
_META = {
    *_DRAFTS,
    *(
        f"draft/{draft}/meta/{name}"
        for draft, names in {
            "2019-09": ("applicator", "content", "core", "format", "meta-data", "validation"),
            "2020-12": (
                *("applicator", "content", "core", "format-annotation", "format-assertion"),
                *("meta-data", "unevaluated", "validation"),
            ),
        }.items()
        for name in names
    ),
}

_ONE, _LIST, _NAMED = "one", "list", "named"
_PLACES: tuple[tuple[int, str, str], ...] = (
    *((4, name, _NAMED) for name in ("definitions", "properties", "patternProperties")),
    *((4, name, _LIST) for name in ("allOf", "anyOf", "oneOf", "items")),
    *((4, name, _ONE) for name in ("not", "additionalProperties", "items", "additionalItems")),
    (4, "dependencies", _NAMED),
    *((6, name, _ONE) for name in ("propertyNames", "contains")),
    *((7, name, _ONE) for name in ("if", "then", "else")),
    *((2019, name, _NAMED) for name in ("$defs", "dependentSchemas")),
    *((2019, name, _ONE) for name in ("unevaluatedProperties", "unevaluatedItems")),
    (2019, "contentSchema", _ONE),
    (2020, "prefixItems", _LIST),
)
"""Since which draft a keyword holds subschemas, and how."""
_KEPT_ASIDE = frozenset({"$defs", "definitions", "contentSchema"})
"""Subschemas that count only once something refers to them."""
_REFERENCES = {"$ref": 4, "$recursiveRef": 2019, "$dynamicRef": 2020}

Pointer = tuple[str, ...]


class SchemaProblem(Exception):
    """A schema that cannot be passed to Helm; the message says why."""


class _Resource(Struct):
    """A schema with an address of its own. ``draft`` is that of its dialect."""

    pointer: Pointer
    address: str
    draft: int
    anchors: dict[str, Pointer] = field(default_factory=dict[str, Pointer])


def self_contained(schema: object) -> Values | bool | None:
    """The schema, with every reference that counts as a pointer into itself (``#/…``).

    Ids and anchors are left out, ``$schema`` is left at the root alone; what refers to a
    metaschema, or by a name that nobody knows, allows anything. None for what is no schema.

    Raises:
        SchemaProblem: Helm would fetch something, or does not find what is referred to.
    """
    if isinstance(schema, bool) or not isinstance(schema, dict):
        return schema if isinstance(schema, bool) else None
    return _Document(as_mapping(cast("object", schema))).result()


class _Document:
    """One schema file, followed from its root."""

    def __init__(self, schema: Values) -> None:
        self._schema = schema
        self._resources: dict[Pointer, _Resource] = {}
        self._addresses: dict[str, _Resource] = {}
        self._collected: set[Pointer] = set()
        self._used: dict[Pointer, dict[str, Pointer | None]] = {}

    def result(self) -> Values:
        self._collect((), _ROOT, _LATEST)
        waiting: deque[Pointer] = deque([()])
        seen: set[Pointer] = set()
        while waiting:
            pointer = waiting.popleft()
            if pointer not in seen:
                seen.add(pointer)
                waiting.extend(self._follow(pointer))
        return as_mapping(self._written(self._schema, ()))

    def _collect(self, pointer: Pointer, base: str, draft: int) -> None:
        """Note the addresses and anchors of a subschema, and of those below it."""
        waiting = [(pointer, base, draft)]
        while waiting:
            pointer, base, draft = waiting.pop()
            here = self._at(pointer)
            if pointer in self._collected:
                continue
            self._collected.add(pointer)
            if not isinstance(here, dict):
                continue
            here = as_mapping(cast("object", here))
            named = _draft(here, draft)
            identity = _identity(here, named)
            if not identity and pointer:
                named = draft
                identity = _identity(here, named)
            if identity or not pointer:
                base = _joined(base, identity) if identity else base
                spoken = named if isinstance(here.get("$schema"), str) else draft
                if base not in self._addresses:
                    made = _Resource(pointer, base, spoken)
                    self._resources[pointer] = self._addresses[base] = made
            resource = self._addresses[base]
            for anchor in _anchors(here, resource.draft):
                resource.anchors.setdefault(anchor, pointer)
            below = _subschemas(here, named)
            waiting.extend(((*pointer, *path), base, resource.draft) for path in below)

    def _follow(self, pointer: Pointer) -> Iterator[Pointer]:
        """Return the references and subschemas that the subschema at a pointer uses."""
        here = self._at(pointer)
        if pointer not in self._collected:
            above = self._resource(pointer)
            self._collect(pointer, above.address, above.draft)
        self._used[pointer] = {}
        if not isinstance(here, dict):
            return
        here = as_mapping(cast("object", here))
        resource = self._resource(pointer)
        for keyword, since in _REFERENCES.items():
            reference = here.get(keyword)
            if isinstance(reference, str) and since <= resource.draft:
                target = self._target(reference, resource)
                self._used[pointer][keyword] = target
                if target is not None:
                    yield target
        if "$ref" in self._used[pointer] and resource.draft < 2019:
            return  # nothing beside it counts
        for path in _subschemas(here, resource.draft):
            if path[0] not in _KEPT_ASIDE:
                yield (*pointer, *path)

    def _target(self, reference: str, resource: _Resource) -> Pointer | None:
        """Return the pointer that a reference leads to; None if its target allows anything."""
        address, _, fragment = reference.partition("#")
        whole = _joined(resource.address, address)
        fragment = unquote(fragment)
        known = self._addresses.get(whole)
        if known is None:
            if _is_meta(whole) or (whole.startswith("urn:") and not fragment):
                return None
            raise SchemaProblem(
                f"Its schema refers to {reference[:100]}, outside the chart. Helm would have to "
                "fetch that: its author has to put the definition into the schema itself."
            )
        if fragment and not fragment.startswith("/"):
            if fragment not in known.anchors:
                raise _not_there(reference)
            return known.anchors[fragment]
        parts = fragment.split("/")[1:]
        target = (*known.pointer, *(p.replace("~1", "/").replace("~0", "~") for p in parts))
        if self._at(target, missing := object()) is missing:
            raise _not_there(reference)
        return target

    def _resource(self, pointer: Pointer) -> _Resource:
        ends = (pointer[:number] for number in range(len(pointer), -1, -1))
        return next(self._resources[each] for each in ends if each in self._resources)

    def _at(self, pointer: Pointer, default: object = None) -> object:
        at: object = self._schema
        for part in pointer:
            rows = as_list(at)
            if rows and part.isdecimal() and int(part[:9]) < len(rows):
                at = rows[int(part[:9])]
            elif part in as_mapping(at):
                at = as_mapping(at)[part]
            else:
                return default
        return at

    def _written(self, value: object, pointer: Pointer) -> object:
        if isinstance(value, list):
            rows = cast("list[object]", value)
            return [self._written(each, (*pointer, str(n))) for n, each in enumerate(rows)]
        if not isinstance(value, dict):
            return value
        pairs = cast("Values", value).items()
        made = {name: self._written(each, (*pointer, name)) for name, each in pairs}
        if pointer not in self._used and pointer not in self._collected:
            return made  # data
        gone = {"$id", "id", "$anchor", "$dynamicAnchor", "$recursiveAnchor"}
        gone |= {"$schema"} if pointer else set()
        made = {k: e for k, e in made.items() if k not in gone or not isinstance(e, str | bool)}
        for keyword, target in self._used.get(pointer, {}).items():
            del made[keyword]
            if target is None:
                continue
            words = "#" + "".join(f"/{_escaped(part)}" for part in target)
            if "$ref" in made:
                made["allOf"] = [*as_list(made.get("allOf")), {"$ref": words}]
            else:
                made["$ref"] = words
        return made


def _draft(schema: Mapping[str, object], fallback: int) -> int:
    """The dialect that a subschema names for itself."""
    named = schema.get("$schema")
    if not isinstance(named, str):
        return fallback
    address, _, fragment = named.partition("#")
    site = next((each for each in _SITES if address.startswith(each)), None)
    known = _DRAFTS.get(address.removeprefix(site)) if site and not fragment else None
    if known is None:
        raise SchemaProblem(
            f"Its schema refers to {named[:100]}, outside the chart, as its dialect. Helm would "
            "have to fetch that."
        )
    return known


def _identity(schema: Mapping[str, object], draft: int) -> str:
    if draft < 2019 and "$ref" in schema:
        return ""
    found = schema.get("id" if draft == 4 else "$id")
    return found.partition("#")[0] if isinstance(found, str) else ""


def _anchors(schema: Mapping[str, object], draft: int) -> Iterator[str]:
    if draft < 2019:
        found = schema.get("id" if draft == 4 else "$id")
        anchor = unquote(found.partition("#")[2]) if isinstance(found, str) else ""
        if anchor and not anchor.startswith("/") and "$ref" not in schema:
            yield anchor
        return
    for keyword in ("$anchor", "$dynamicAnchor") if draft >= 2020 else ("$anchor",):
        named = schema.get(keyword)
        if isinstance(named, str):
            yield named


def _subschemas(schema: Mapping[str, object], draft: int) -> Iterator[Pointer]:
    for since, keyword, how in _PLACES:
        held = schema.get(keyword)
        if since > draft or held is None:
            continue
        if how == _ONE and isinstance(held, dict | bool):
            yield (keyword,)
        elif how == _LIST:
            yield from ((keyword, str(number)) for number in range(len(as_list(held))))
        elif how == _NAMED:
            pairs = as_mapping(held).items()
            yield from ((keyword, name) for name, each in pairs if isinstance(each, dict | bool))


def _joined(base: str, reference: str) -> str:
    """A whole address. An odd one never equals another: Helm's library might write it anew.

    It forgets an empty query (``x?``), and does not find that address again.
    """
    if not reference:
        return f"{base} " if base.rstrip().endswith("?") else base
    if urlsplit(reference).scheme:
        whole = reference
    elif urlsplit(base).scheme in {"http", "https", "file"}:
        whole = urljoin(base, reference)
    else:
        return base
    plain = whole.isascii() and whole.isprintable() and not set(whole) & set(' "%<>\\^`{|}')
    if reference.endswith("?"):
        return f"{whole.rstrip('?')}? "
    return whole if plain and "/." not in whole else f"{whole} "


def _is_meta(address: str) -> bool:
    site = next((each for each in _SITES if address.startswith(each)), None)
    return site is not None and address.removeprefix(site) in _META


def _not_there(reference: str) -> SchemaProblem:
    return SchemaProblem(
        f"Its schema refers to {reference[:100]}, which is not in it: Helm refuses the chart. Its "
        "author has to correct that."
    )


def _escaped(part: str) -> str:
    return part.replace("~", "~0").replace("/", "~1").replace("%", "%25")
