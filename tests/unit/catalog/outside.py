"""Schemas that make Helm fetch something, and such as do not, of an address to fill in.

``tests/charts`` gives them to the real Helm, which asks a server for the first and not for the
second kind.
"""

from __future__ import annotations

Schema = dict[str, object]

_X = {"x": {"type": "string"}}
_LOCAL = {"$defs": _X, "properties": {"a": {"$ref": "#/$defs/x"}}}
_DRAFT_4 = "http://json-schema.org/draft-04/schema#"
_DRAFT_2019 = "https://json-schema.org/draft/2019-09/schema"


def fetched(site: str) -> dict[str, Schema]:
    """Helm asks for each of these."""
    return {
        "a dialect": {"$schema": f"{site}/x"},
        "a dialect's name within another": {"$schema": f"{site}/http://json-schema.org/schema"},
        "a nested dialect": {"properties": {"a": {"items": {"$schema": f"{site}/x"}}}},
        "a dialect that nothing uses": {"$defs": {"a": {"$schema": f"{site}/x#"}}},
        "a reference": {"properties": {"a": {"$ref": f"{site}/x"}}},
        "a reference into data": {
            "properties": {"a": {"$ref": "#/default"}},
            "default": {"$ref": f"{site}/x"},
        },
        "a dialect in data": {"default": {"$schema": f"{site}/x"}, "$ref": "#/default"},
        "a relative reference": {"$id": f"{site}/a/b", "properties": {"a": {"$ref": "x"}}},
        "a rooted reference": {"$id": f"{site}/a/b", "properties": {"a": {"$ref": "/x#y"}}},
        "a dynamic reference": {"properties": {"a": {"$dynamicRef": f"{site}/x#y"}}},
        "a recursive reference": {"$schema": _DRAFT_2019, "$recursiveRef": f"{site}/x"},
        "an id that is not found again": {"$id": f"{site}/x?", **_LOCAL},
        "the same with a fragment": {"$id": f"{site}/x?#", **_LOCAL},
        "the same in draft 4": {"$schema": _DRAFT_4, "id": f"{site}/x?", **_LOCAL},
        "the same, dynamically": {
            "$id": f"{site}/x?",
            "$dynamicRef": "#x",
            "$defs": {"x": {"$dynamicAnchor": "x"}},
        },
    }


def inside(site: str) -> dict[str, Schema]:
    """Helm asks nobody for these."""
    dialects: dict[str, Schema] = {
        f"{scheme}://json-schema.org/{name}{end}": {
            "$schema": f"{scheme}://json-schema.org/{name}{end}"
        }
        for scheme in ("http", "https")
        for name in ("schema", "draft-04/schema", "draft-06/schema", "draft-07/schema")
        for end in ("", "#")
    }
    return {
        **dialects,
        "a bundled schema": {
            "$id": f"{site}/values.json",
            "properties": {"a": {"$ref": "defs.json#/$defs/x"}, "b": {"$ref": f"{site}/defs.json"}},
            "$defs": {"defs": {"$id": f"{site}/defs.json", "$defs": _X}},
        },
        "an anchor": {
            "$id": f"{site}/values.json",
            "properties": {"a": {"$ref": "#x"}},
            "$defs": {"x": {"$anchor": "x"}},
        },
        "an anchor of draft 7": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "properties": {"a": {"$ref": "#x"}},
            "definitions": {"x": {"$id": "#x"}},
        },
        "an id with a query": {"$id": f"{site}/x?y=1", **_LOCAL},
        "a reference that nothing uses": {"$defs": {"a": {"$ref": f"{site}/x"}}},
        "a reference that is data": {"default": {"$ref": f"{site}/x"}, "enum": [{"$ref": "x"}, {}]},
        "a dialect that is data": {"examples": [{"$schema": f"{site}/x"}]},
        "a schema of schemas": {
            "properties": {"a": {"$ref": "http://json-schema.org/draft-07/schema#"}}
        },
        "a name that nobody knows": {"properties": {"a": {"$ref": "urn:example:x"}}},
        "a keyword of a later draft": {
            "$schema": "http://json-schema.org/draft-07/schema#",
            "$dynamicRef": f"{site}/x",
        },
        "2019": {"$schema": _DRAFT_2019, "$recursiveRef": "#"},
        "2020": {"$schema": "https://json-schema.org/draft/2020-12/schema", "$dynamicRef": "#"},
        "no dialect": {"properties": {"$schema": {"type": "string"}}},
        "an id": {"$id": f"{site}/x", **_LOCAL},
        "an id with a fragment": {"$id": f"{site}/x#", **_LOCAL},
        "an id in draft 4": {"$schema": _DRAFT_4, "id": f"{site}/x", **_LOCAL},
        "a relative id": {"$id": "x.json", **_LOCAL},
        "an id that is none in this draft": {"default": {"id": f"{site}/x?"}},
        "words": {"title": f"{site}/x?", "description": f"$ref: {site}/x"},
        "data": {"default": {"a": f"{site}/x"}, "enum": [f"{site}/x"]},
    }
