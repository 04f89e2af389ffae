"""Helm's Secret of a revision, decoded and encoded. Nothing else in the portal knows its form."""

from __future__ import annotations

import base64
import binascii
import gzip
import json
from collections.abc import Callable, Mapping
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
    Large,
    body,
    check_size,
    hook_manifests,
    members,
    parts,
    string,
    tree,
    unpack,
)
from portal.domain.charts import fingerprint, source_of
from portal.domain.compressed import CompressedText, CompressedValues
from portal.domain.cut import cut
from portal.domain.errors import ChartError
from portal.domain.keys import OPERATION_LABEL, ORIGIN_LABEL, Key, operation_of
from portal.domain.names import namespace_problem
from portal.domain.notes import shown_notes
from portal.domain.quoted import without_values
from portal.domain.redaction import values_yaml
from portal.domain.release import ReleaseRecord, ReleaseRevision, ReleaseStatus, damaged
from portal.domain.secrets import scrubbed_text, secret_texts

MAX_NOTES = 64 * 1024
"""Characters of notes that a page shows, and of what Helm says of a revision."""
MAX_WORDS = 300
"""Characters of a chart's name, its versions, and the like. Helm's own limits are narrower."""
MAX_CHART = 500_000
"""Values in a chart: its files are few, but their texts count as well."""
USUAL_DESCRIPTION = 200
"""Characters of what Helm, or whoever asked it, says of a revision that went well."""
AT_HAND = ("image", "commonAnnotations", "replicaCount", "autoscaling")
"""Values that lists and the scale control show."""


# A revision.


def metadata(secret: JsonObject) -> ReleaseRecord | None:
    """The record that the labels of a Secret tell; None if they are not Helm's."""
    try:
        return record_of(msgspec.convert(secret, ReleaseSecret))
    except (KeyError, ValueError):
        return None


def decode(record: ReleaseRecord, secret: JsonObject, most: int = MAX_BODY) -> ReleaseRevision:
    """A revision with its values and manifests; a damaged one is told, not raised.

    Raises:
        Large: the body unpacks to more than ``most`` bytes, which is less than may be.
    """
    labels = part(secret, "metadata", "labels")

    def read(raw: Body) -> ReleaseRevision:
        found, values = _decoded(record, raw, text(labels, ORIGIN_LABEL))
        return replace(
            found,
            values=values,
            manifest=string(raw.manifest),
            hooks="\n---\n".join(hook_manifests(raw)),
        )

    return replace(
        _read(record, text(secret, "data", "release"), most, read),
        operation=operation_of(text(labels, OPERATION_LABEL), record.revision),
        version=text(secret, "metadata", "resourceVersion"),
    )


def decode_for_pages(
    record: ReleaseRecord, note: str, encoded: str, most: int = MAX_BODY
) -> ReleaseRevision:
    """A revision as it is kept for each release: values compressed, notes, and no manifests.

    ``note`` is the label beside the body that tells where its chart came from. A damaged one is
    told, not raised.

    Raises:
        Large: the body unpacks to more than ``most`` bytes, which is less than may be.
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
        if isinstance(error, Large) and most < MAX_BODY:
            raise
        return damaged(record, str(error))
    except (ArithmeticError, AttributeError, TypeError, ValueError, RecursionError) as error:
        return odd(record, error)


def odd(record: ReleaseRecord, error: Exception) -> ReleaseRevision:
    """A revision that is not as Helm writes them."""
    return damaged(record, f"The release record is odd: {error}")


def _decoded(record: ReleaseRecord, raw: Body, note: str) -> tuple[ReleaseRevision, JsonObject]:
    """What both ways of reading have in common; and the values."""
    info = parts(raw.info, Info)
    chart = tree(parts(raw.chart, Chart).metadata, "chart's words")
    values = tree(raw.config, "values")
    chart_print = intern(fingerprint(chart))
    key, storage_namespace = _home(record, string(raw.namespace))
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
    ), values


def _home(record: ReleaseRecord, namespace: str) -> tuple[Key, str]:
    """The release by its own namespace, and the Secret's where that is another one.

    Helm's own client has them agree; Flux can keep records elsewhere (``storageNamespace``).
    """
    stored = record.stored
    if namespace in {"", stored.namespace} or namespace_problem(namespace):
        return stored, ""
    return Key(namespace, stored.name), stored.namespace


def _notes(raw: Body, values: JsonObject) -> str:
    """The notes without secrets, and only then cut: half of a secret would not be found."""
    notes = string(parts(raw.info, Info).notes)
    if not notes.strip():
        return ""
    try:
        manifests = (string(raw.manifest), *hook_manifests(raw))
    except Damaged:
        return "The notes are not shown: what is secret in them is not known."
    return cut(shown_notes(notes, (values, _defaults(raw)), manifests), MAX_NOTES, "The notes")


def _defaults(raw: Body) -> JsonObject:
    try:
        return tree(parts(raw.chart, Chart).values, "chart's values")
    except Damaged:
        return {}  # of a size that nobody reads


def _description(description: str, values: JsonObject) -> str:
    """What Helm says of the revision: an error in it may quote a value."""
    if len(description) <= USUAL_DESCRIPTION and "failed" not in description:
        return description
    return without_values(scrubbed_text(description, secret_texts(values)))


def _words(raw: JsonObject, name: str) -> str:
    """Words of a chart, which many releases share."""
    return intern(text(raw, name)[:MAX_WORDS])


def _time(text: str) -> datetime | None:
    """Helm writes Go's zero time for "never", and leaves times out in newer records."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).astimezone(UTC)


# A revision that Helm was killed over.


def marked_failed(encoded: str, most: int, why: str) -> str:
    """The body with its status as failed; every other part stays as it is, byte for byte."""
    whole = members(unpack(encoded, most), "parts")
    info = members(whole.get("info", b"null"), "facts")
    told = {"status": ReleaseStatus.FAILED.value, "description": why}
    whole["info"] = msgspec.Raw(msgspec.json.encode({**info, **told}))
    return encode(whole)


def encode(body: Mapping[str, object]) -> str:
    """The opposite of ``unpack``, as Helm writes it."""
    packed = gzip.compress(msgspec.json.encode(body))
    return base64.b64encode(base64.b64encode(packed)).decode()


# The chart in it.


class _File(Struct):
    name: str = ""
    data: str = ""


class _Kept(Struct):
    """A chart as Helm keeps it."""

    metadata: msgspec.Raw = NOTHING
    values: msgspec.Raw = NOTHING
    schema: str | None = None
    templates: list[_File] | None = None
    files: list[_File] | None = None


def chart_files(chart: bytes | msgspec.Raw) -> dict[str, bytes]:
    """The chart in a release's record as the files that it was made of, by path.

    Raises:
        ChartError: it depends on other charts, which Helm does not record.
        Damaged: it is none, or holds too much.
    """
    check_size(chart, "chart", MAX_BODY, MAX_CHART)
    kept = parts(chart, _Kept)
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
    """The files of the chart in a body, as ``chart_files``."""
    try:
        return chart_files(body(encoded, most).chart)
    except binascii.Error as error:
        raise Damaged(
            f"A file of the chart in the release record is not base64: {error}"
        ) from error
