"""Decoding and encoding of the Secrets of Helm's revisions; no other module knows their format."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from sys import intern

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from portal.cluster.json_object import JsonObject, part, text
from portal.cluster.kinds.release import ReleaseSecret, record_of
from portal.cluster.storage.unpack import (
    MAX_BODY,
    NOTHING,
    Body,
    Chart,
    Damaged,
    Info,
    TooLarge,
    body,
    check_size,
    hook_manifests,
    hooks,
    listed,
    members,
    parts,
    string,
    tree,
    unpack,
)
from portal.domain.api_mapping import Successors, mapped
from portal.domain.charts import fingerprint, source_of
from portal.domain.compressed import CompressedText, CompressedValues
from portal.domain.error_redaction import without_values
from portal.domain.errors import ChartError
from portal.domain.keys import OPERATION_LABEL, ORIGIN_LABEL, Key, operation_of
from portal.domain.names import namespace_problem
from portal.domain.notes import shown_notes
from portal.domain.redaction import values_yaml
from portal.domain.release import DeleteHook, ReleaseRecord, ReleaseRevision, ReleaseStatus, damaged
from portal.domain.secrets import scrubbed_text, secret_texts
from portal.domain.truncation import truncated

MAX_NOTES = 64 * 1024
"""Characters of the notes that a page shows, and of a revision's description."""
MAX_WORDS = 300
"""Characters of a chart's name and versions. Helm's own limits are lower."""
MAX_CHART = 500_000
"""JSON values in a chart, counted by delimiters, so that texts in its files count as well."""
USUAL_DESCRIPTION = 200
"""Characters of the description of a revision that succeeded."""
MAX_HOOKS = 100
"""Hooks that are looked at for those of a removal."""
AT_HAND = ("image", "commonAnnotations", "replicaCount", "autoscaling")
"""Values that lists and the scale control show."""


_DELETE = frozenset({"pre-delete", "post-delete"})
"""Events at which Helm runs hooks when it removes a release."""


class _Execution(Struct):
    """The last execution of a hook."""

    phase: msgspec.Raw = NOTHING


# A revision.


def metadata(secret: JsonObject) -> ReleaseRecord | None:
    """The record in the labels of a Secret; None if they are not Helm's."""
    try:
        return record_of(msgspec.convert(secret, ReleaseSecret))
    except (KeyError, ValueError):
        return None


def decode(record: ReleaseRecord, secret: JsonObject, most: int = MAX_BODY) -> ReleaseRevision:
    """A revision with its values and manifests; a damaged one has ``damaged`` set.

    Raises:
        TooLarge: the body unpacks to more than ``most`` bytes, and ``most`` is below ``MAX_BODY``.
    """
    labels = part(secret, "metadata", "labels")

    def read(raw: Body) -> ReleaseRevision:
        found, values = _decoded(record, raw, text(labels, ORIGIN_LABEL))
        return replace(
            found,
            values=values,
            manifest=string(raw.manifest),
            hooks="\n---\n".join(hook_manifests(raw)),
            crds=_crds(raw),
        )

    return replace(
        _read(record, text(secret, "data", "release"), most, read),
        operation=operation_of(text(labels, OPERATION_LABEL), record.revision),
        version=text(secret, "metadata", "resourceVersion"),
    )


def decode_for_pages(
    record: ReleaseRecord, note: str, encoded: str, most: int = MAX_BODY
) -> ReleaseRevision:
    """A revision as the store keeps it: with compressed values and notes, without manifests.

    ``note`` is the Secret's label that records the source of the chart. A damaged revision has
    ``damaged`` set.

    Raises:
        TooLarge: the body unpacks to more than ``most`` bytes, and ``most`` is below ``MAX_BODY``.
    """

    def read(raw: Body) -> ReleaseRevision:
        found, values = _decoded(record, raw, note)
        return replace(
            found,
            notes=_notes(raw, values),
            values=CompressedValues(values, AT_HAND),
            shown=CompressedText(values_yaml(values)),
        )

    return _read(record, encoded, most, read)


def _read(
    record: ReleaseRecord, encoded: str, most: int, read: Callable[[Body], ReleaseRevision]
) -> ReleaseRevision:
    try:
        return read(body(encoded, most))
    except Damaged as error:
        if isinstance(error, TooLarge) and most < MAX_BODY:
            raise
        return damaged(record, str(error))
    except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError) as error:
        return odd(record, error)


def odd(record: ReleaseRecord, error: Exception) -> ReleaseRevision:
    """A damaged revision, whose record is not as Helm writes it."""
    return damaged(record, f"The release record is odd: {error}")


def _decoded(record: ReleaseRecord, raw: Body, note: str) -> tuple[ReleaseRevision, JsonObject]:
    """A revision with the fields common to both decoders, and its values."""
    info = parts(raw.info, Info)
    chart = tree(parts(raw.chart, Chart).metadata, "chart's words")
    values = tree(raw.config, "values")
    chart_print = intern(fingerprint(chart))
    key, storage_namespace = _namespaces(record, string(raw.namespace))
    return ReleaseRevision(
        key=key,
        revision=record.revision,
        status=record.status,
        updated_at=record.updated_at,
        secret_name=record.secret_name,
        uid=record.uid,
        owners=record.owners,
        storage_namespace=storage_namespace,
        chart=_words(chart, "name"),
        chart_version=_words(chart, "version"),
        app_version=_words(chart, "appVersion"),
        description=_description(string(info.description), values)[:MAX_NOTES],
        first_deployed=_time(string(info.first_deployed)),
        last_deployed=_time(string(info.last_deployed)),
        fingerprint=chart_print,
        source=source_of(note, chart_print),
        delete_hooks=_readable_delete_hooks(raw),
    ), values


def _readable_delete_hooks(raw: Body) -> tuple[DeleteHook, ...]:
    """The hooks that run when the release is removed; none if they cannot be read."""
    try:
        return tuple(_delete_hooks(raw))
    except Damaged:
        return ()


def _delete_hooks(raw: Body) -> Iterator[DeleteHook]:
    for each in hooks(raw)[:MAX_HOOKS]:
        events = map(string, listed(each.events, "events"))
        if event := next((one for one in events if one in _DELETE), ""):
            phase = string(parts(each.last_run, _Execution).phase)
            name, kind = string(each.name)[:MAX_WORDS], string(each.kind)[:MAX_WORDS]
            yield DeleteHook(kind, name, event, phase not in {"", "Succeeded"})


def _namespaces(record: ReleaseRecord, namespace: str) -> tuple[Key, str]:
    """The release's key by its own namespace, and the Secret's namespace if it differs, else "".

    With Helm's own client they agree; Flux can keep records elsewhere (``storageNamespace``).
    """
    stored = record.stored
    if namespace in {"", stored.namespace} or namespace_problem(namespace):
        return stored, ""
    return Key(namespace, stored.name), stored.namespace


def _notes(raw: Body, values: JsonObject) -> str:
    """The notes without secrets; cut after that, since half of a secret would not be found."""
    notes = string(parts(raw.info, Info).notes)
    if not notes.strip():
        return ""
    try:
        manifests = (string(raw.manifest), *hook_manifests(raw))
    except Damaged:
        return "The notes are not shown: secrets in them cannot be recognised."
    return truncated(
        shown_notes(notes, (values, _defaults(raw)), manifests), MAX_NOTES, "The notes"
    )


def _defaults(raw: Body) -> JsonObject:
    try:
        return tree(parts(raw.chart, Chart).values, "chart's values")
    except Damaged:
        return {}  # too large


def _description(description: str, values: JsonObject) -> str:
    """The description without secrets: an error in it may quote a value."""
    if len(description) <= USUAL_DESCRIPTION and "failed" not in description:
        return description
    return without_values(scrubbed_text(description, secret_texts(values)))


def _words(raw: JsonObject, name: str) -> str:
    """A text of a chart's metadata, interned since many releases share it."""
    return intern(text(raw, name)[:MAX_WORDS])


def _time(text: str) -> datetime | None:
    """A time in a record; None for "never", which Helm writes as Go's zero time or leaves out."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


def _crds(raw: Body) -> str:
    """Return the CRDs in ``crds/`` of the recorded chart as one manifest; "" if unreadable.

    Helm does not record the charts in a chart.
    """
    try:
        check_size(raw.chart, "chart", MAX_BODY, MAX_CHART)
        found = [
            base64.b64decode(each.data).decode(errors="replace")
            for each in parts(raw.chart, _RecordedChart).files or ()
            if each.name.startswith("crds/") and each.name.endswith((".yaml", ".yml", ".json"))
        ]
    except (Damaged, binascii.Error):
        return ""
    return "\n---\n".join(found)


# Pending revisions that a killed Helm has left.


def marked_failed(encoded: str, most: int, why: str) -> str:
    """The encoded body with its status set to failed; all other parts stay byte for byte."""
    failed = {"status": ReleaseStatus.FAILED.value, "description": why}
    return _with_info(members(unpack(encoded, most), "parts"), failed)


def marked_superseded(encoded: str, most: int) -> str:
    """The encoded body with its status set to superseded; all other parts stay byte for byte."""
    superseded = {"status": ReleaseStatus.SUPERSEDED.value}
    return _with_info(members(unpack(encoded, most), "parts"), superseded)


def _with_info(whole: dict[str, msgspec.Raw], changed: Mapping[str, str]) -> str:
    """The encoded body with fields of its ``info`` changed."""
    info = members(whole.get("info", b"null"), "facts")
    whole["info"] = msgspec.Raw(msgspec.json.encode({**info, **changed}))
    return encode(whole)


def with_mapped_apis(
    encoded: str, most: int, revision: int, successors: Successors, why: str, at: datetime
) -> str:
    """The encoded body of a new revision, whose manifest and hooks name other APIs.

    All other parts stay byte for byte. A hook whose kind has no successor is left out.

    Raises:
        Damaged: the body cannot be read.
        PortalError: its manifest cannot be read.
    """
    whole = members(unpack(encoded, most), "parts")
    manifest, _ = mapped(string(whole.get("manifest", NOTHING)), successors)
    kept: list[dict[str, msgspec.Raw]] = []
    for each in listed(whole.get("hooks", NOTHING), "hooks"):
        hook = members(each, "hook")
        text, _ = mapped(string(hook.get("manifest", NOTHING)), successors)
        if text.strip():
            kept.append(hook | {"manifest": msgspec.Raw(msgspec.json.encode(text))})
    whole["manifest"] = msgspec.Raw(msgspec.json.encode(manifest))
    whole["hooks"] = msgspec.Raw(msgspec.json.encode(kept))
    whole["version"] = msgspec.Raw(msgspec.json.encode(revision))
    return _with_info(whole, {"description": why, "last_deployed": at.isoformat()})


def encode(body: Mapping[str, object]) -> str:
    """The inverse of ``unpack``: JSON, gzip, and base64 twice."""
    packed = gzip.compress(msgspec.json.encode(body))
    return base64.b64encode(base64.b64encode(packed)).decode()


# The chart in a record.


class _File(Struct):
    name: str = ""
    data: str = ""


class _RecordedChart(Struct):
    """A chart as Helm records it."""

    metadata: msgspec.Raw = NOTHING
    values: msgspec.Raw = NOTHING
    schema: str | None = None
    templates: list[_File] | None = None
    files: list[_File] | None = None


def chart_files(chart: bytes | msgspec.Raw) -> dict[str, bytes]:
    """The files of the chart in a release's record, by path.

    Raises:
        ChartError: it has dependencies, which Helm does not record.
        Damaged: it is not a chart, or too large.
    """
    check_size(chart, "chart", MAX_BODY, MAX_CHART)
    kept = parts(chart, _RecordedChart)
    metadata = tree(kept.metadata, "chart's words")
    if metadata.get("dependencies"):
        raise ChartError(
            f"The chart {metadata.get('name')} {metadata.get('version')} contains other charts, "
            "which Helm does not keep with the release.",
            "Launch it from the catalogue again, in the version you want.",
        )
    files = {
        "Chart.yaml": json.dumps(metadata).encode(),  # JSON is YAML
        "values.yaml": json.dumps(tree(kept.values, "chart's values")).encode(),
    }
    if kept.schema:
        files["values.schema.json"] = base64.b64decode(kept.schema)
    for each in (*(kept.templates or ()), *(kept.files or ())):
        files.setdefault(each.name, base64.b64decode(each.data))
    return files


def recorded_chart(encoded: str, most: int) -> dict[str, bytes]:
    """The files of the chart in an encoded body; see ``chart_files``."""
    try:
        return chart_files(body(encoded, most).chart)
    except binascii.Error as error:
        raise Damaged(
            f"A file of the chart in the release record is not base64: {error}"
        ) from error
