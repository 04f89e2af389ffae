"""Conversion of Helm's error output to the portal's errors, with advice. Pure."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from portal.domain.denials import denied
from portal.domain.errors import (
    ChartError,
    ClusterUnavailable,
    Conflict,
    FieldConflict,
    HelmError,
    HelmTimeout,
    NotFound,
    PortalError,
    ReleaseBusy,
    RemovedApi,
    SourceUnavailable,
    UnknownKind,
)
from portal.domain.keys import Key
from portal.domain.release import ReleaseStatus

_UNREACHABLE = re.compile(
    r"cluster unreachable|connection refused|connect: network is unreachable|no such host|"
    r"i/o timeout|read: operation timed out|TLS handshake timeout|etcdserver|"
    r"unable to handle the request|context deadline exceeded|connection reset by peer|"
    r"unexpected EOF|http2: client connection lost",
)
_NO_CREDENTIALS = re.compile(r"provide credentials|Unauthorized")
_REPOSITORY = re.compile(
    r'looks like "(?P<where>[^"]+)" is not a valid chart repository or cannot be reached: '
    r"(?P<why>[^\n]+)"
)
_REGISTRY = re.compile(r'(?i:get|head) "(?P<where>\w+://(?>[^"]*?/v2/)[^"]+)": (?P<why>[^\n]+)')
_QUOTA = re.compile(r"exceeded quota: (?P<detail>[^\n]+)")
_WEBHOOK = re.compile(r'admission webhook "(?P<name>[^"]+)" denied the request:? ?(?P<why>[^\n]*)')
_SECURITY = re.compile(r"violates PodSecurity[^\n]*")
_NO_NAMESPACE = re.compile(r'namespaces "(?P<name>[^"]+)" not found')
_NO_KIND = re.compile(r'no matches for kind "(?P<kind>[^"]+)"(?: in version "(?P<version>[^"]+)")?')
_CURRENT_MANIFEST = "unable to build kubernetes objects from current release manifest"
_NEW_MANIFEST = "unable to build kubernetes objects from new release manifest"
_LEAVING = re.compile(
    r"unable to create new content in namespace (?P<name>\S+) because it is being terminated"
)
_HOOK = re.compile(
    r"resource (?P<kind>\w+)/(?P<namespace>[\w.-]+)/(?P<name>[\w.-]+) not ready\. "
    r"status: (?P<status>\w+)"
)
_REMOVED = "uninstallation completed with"
"""Helm's words when it has removed a release, and what came after that has failed."""
_TEMPLATE = re.compile(
    r"(?<![\w./-])(?P<file>[\w./-]+):(?P<line>\d+)(?::\d+)?:?\s+executing \"[^\"]*\" at "
    r"<(?P<expression>[^\n]*?)>:\s*(?P<why>[^\n]+(?:\n(?![\w./-]+:\d+:\d)[^\n]+)*)"
)
_SYNTAX = re.compile(r"parse error at \((?P<file>[\w./-]+):(?P<line>\d+)\): (?P<why>[^\n]+)")
_YAML = re.compile(r"YAML parse error on (?P<file>[\w./-]+): (?P<why>[^\n]+)")
_KUBERNETES = re.compile(
    r"chart requires kubeVersion: (?P<wanted>[^\n]+?) which is incompatible with "
    r"Kubernetes (?P<version>\S+)"
)
_MISSING = re.compile(r"found in Chart\.yaml, but missing in charts/ directory: (?P<names>[^\n]+)")
_OWNED = re.compile(
    r'\b(?P<kind>\w+) "(?P<name>[^"]+)" in namespace "(?P<namespace>[^"]*)" exists and cannot be '
    r"imported(?P<why>[^\n]*)"
)
_OWNER_NAME = re.compile(
    r'"meta\.helm\.sh/release-name" must equal "[^"]*": current value is "(.*?)"'
)
_OWNER_NAMESPACE = re.compile(
    r'"meta\.helm\.sh/release-namespace" must equal "[^"]*": current value is "(.*?)"'
)
_INVALID = re.compile(r'(?<![\w.])(?P<kind>[\w.]+) "(?P<name>[^"]*)" is invalid: (?P<why>[^\n]+)')
_IMMUTABLE = re.compile(r"field is immutable|updates to \w+ spec for fields other than")
_FIELD = re.compile(r"(?<![\w.\[\]])([\w.\[\]]+): (?:Invalid value|Forbidden)")
_REGEX = re.compile(r",? regex used for validation is .*")
_SCHEMA_LINE = re.compile(r"^(?P<indent> *)- at '(?P<path>[^']*)': (?P<sentence>.+)$")
_SCHEMA_CHART = re.compile(r"^(?P<chart>[\w.-]+):$")
_FINAL = re.compile(r"\nUse --debug flag[^\n]*\s*\Z")
_CONST = re.compile(r"^value must be '(?P<sentence>.+)'$")
_EXECUTION = re.compile(r"execution error at \([^)]*\): (?P<why>.+)", re.DOTALL)
_OWNER = re.compile(
    r'conflicts? with "(?P<manager>[^"]+)"[^:\n]*:\s*(?P<fields>(?:-?\s*\.[^\n]+\n?)+)'
)


def explain(output: str, verb: str, key: Key, chart: str = "") -> PortalError:
    """The error for a helm command that failed. ``output`` is its redacted standard error.

    ``verb`` completes "Helm could not …". ``chart`` is what the chart calls itself, "" if not
    known: other names in what Helm says are then those of its subcharts.
    """
    text = _error_part(output)
    if verb == "roll back" and _NEW_MANIFEST in text and (missing := _missing(text)):
        return removed_from_past(missing, text)
    answers = (
        *(rule(text, key) for rule in (_record, _hook, _source, _cluster, _release)),
        _chart(text, chart),
        *(rule(text, key) for rule in (_objects, _permission)),
    )
    error = next((each for each in answers if each is not None), None)
    if error is not None:
        return error
    return HelmError(f"Helm could not {verb} {key.name}: {_cause(text)}", "", text)


def _error_part(output: str) -> str:
    """The output without the warnings that Helm and the API server write before the error."""
    found = re.search(r"^Error: ", output, re.MULTILINE)
    told = _FINAL.sub("", (output[found.start() :] if found else output).strip()).rstrip()
    return _LONG_LINE.sub(r"\1 … \2", told)


LONGEST_LINE = 2_000
"""Characters of a line of which, beside its end, the rest is left out: what a chart prints may have
lines without end, for which patterns would take minutes."""

_LONG_LINE = re.compile(rf"(?m)^([^\n]{{{LONGEST_LINE}}})[^\n]+([^\n]{{500}})$")


def _hook(text: str, key: Key) -> PortalError | None:
    # First, because a wait for a hook, too, ends with "context deadline exceeded".
    found = _HOOK.search(text)
    if not found:
        return None
    # Helm is never told to wait for the release itself, so this is about a hook.
    hook = f"{found['kind']} {found['name']}"
    if _REMOVED in text:
        return HelmError(
            f"{key.name} is removed, but the chart's hook ({hook}) did not succeed after that.",
            "What the hook was to clean up may be left. Its log says why; an administrator can "
            "read it as long as its pod is kept.",
            text,
        )
    if found["status"] == "InProgress":
        return HelmTimeout(
            f"The chart's hook ({hook}) did not end in time, so Helm has given up.",
            "Its log says what it waits for; an administrator can read it. See to that, then try "
            "again: Helm replaces the hook, which runs on until then.",
            text,
        )
    return HelmError(
        f"The chart's hook ({hook}) failed, so Helm went no further.",
        "Its log says why; an administrator can read it as long as its pod is kept. Correct that, "
        "then try again.",
        text,
    )


def _source(text: str, key: Key) -> PortalError | None:
    # Before the cluster: "connection refused" can be about either.
    found = _REPOSITORY.search(text) or _REGISTRY.search(text)
    if not found:
        return None
    where = urlsplit(found["where"]).netloc.rpartition("@")[2]
    if "response status code 404" in found["why"]:
        return ChartError(
            f"The chart was not found in {where}.",
            "It may have another name or version by now: choose it from the catalogue again.",
            text,
        )
    return SourceUnavailable(
        f"{where}, where the chart comes from, does not answer.",
        "Try again later, or ask an administrator to look at the catalogue's sources.",
        text,
    )


def _cluster(text: str, key: Key) -> PortalError | None:
    # Early, because an unreachable part of the cluster may be reported beside "not found".
    if _UNREACHABLE.search(text):
        return ClusterUnavailable(
            "The cluster did not answer Helm.",
            "Nothing may have changed, or only a part: look at the app's page, then try again.",
        )
    if _NO_CREDENTIALS.search(text):
        return ClusterUnavailable(
            "The cluster does not accept the portal's credentials.",
            "An administrator has to look at the portal's service account.",
        )
    found = _NO_NAMESPACE.search(text)
    if found:
        return NotFound(
            f"There is no namespace {found['name']} in the cluster.",
            "Ask an administrator to create it.",
        )
    found = _LEAVING.search(text)
    if found:
        return Conflict(
            f"The namespace {found['name']} is being deleted: nothing new can be made in it.",
            "Choose another namespace, or wait until it is gone and has been created again.",
        )
    return None


def _release(text: str, key: Key) -> PortalError | None:
    if "another operation" in text and "is in progress" in text:
        return busy(key)
    if "release: not found" in text:
        return NotFound(f"There is no release {key.name} in the namespace {key.namespace}.")
    found = re.search(r"release has no (?P<revision>\d+) version", text)
    if found:
        return NotFound(f"Helm does not keep revision {found['revision']} of {key.name} any more.")
    if "cannot reuse a name that is still in use" in text:
        return Conflict(
            f"The name {key.name} has been taken in the meantime.", "Choose another name."
        )
    if "Too long: may not be more than 1048576 bytes" in text:
        return HelmError(
            "The release is larger than the 1 MiB that Kubernetes can keep of it.",
            "Move what is large, such as files in the values or in the chart, into the image or a "
            "volume.",
            text,
        )
    return None


def _chart(text: str, chart: str) -> PortalError | None:
    found = _KUBERNETES.search(text)
    if found:
        return ChartError(
            f"The chart is for Kubernetes {found['wanted']}, and this cluster has "
            f"{found['version']}.",
            "Choose another version of the chart; nothing was changed.",
            text,
        )
    found = _MISSING.search(text)
    if found:
        return ChartError(
            f"The chart's subcharts are missing in it: {found['names']}.",
            "This is a mistake of the chart: its author has to package it with them (helm "
            "dependency update). Choose another version; nothing was changed.",
            text,
        )
    execution = _EXECUTION.search(text)
    wrong = _complaints(text, chart)
    if "meet the specifications of the schema" in text or (wrong and execution):
        lines = [f"{path}: {sentence}" if path else sentence for path, sentence in wrong.items()]
        return ChartError(
            "The chart refuses these values. " + "; ".join(lines or [_cause(text)]) + ".",
            "Correct them and try again; nothing was changed.",
            text,
            wrong,
        )
    if execution:
        return ChartError(
            f"The chart refuses these values: {_paragraph(execution['why'])}.",
            "Correct them and try again; nothing was changed.",
            text,
        )
    templates = list(_TEMPLATE.finditer(text))
    if templates:
        inner = templates[-1]  # the innermost call
        return ChartError(
            f"The chart could not be rendered: {_paragraph(inner['why'])}, at "
            f"{inner['expression']} ({inner['file']}, line {inner['line']}).",
            "Nothing was changed. If the chart takes a value for granted, set that value; else "
            "this is a mistake of the chart, for its author to correct: choose another version.",
            text,
        )
    found = _SYNTAX.search(text)
    if found:
        return ChartError(
            f"The chart has a mistake in {found['file']}, line {found['line']}: {found['why']}.",
            "Nothing was changed. No value helps: its author has to correct it. Choose another "
            "version of the chart.",
            text,
        )
    found = _YAML.search(text)
    if found:
        return ChartError(
            f"The chart could not be rendered: with these values {found['file']} becomes no YAML "
            f"({found['why'].removeprefix('error converting YAML to JSON: ')}).",
            "Nothing was changed. A value with a line break, a quote or a colon may have done it: "
            "take it back. Else this is a mistake of the chart: choose another version.",
            text,
        )
    if re.search(r"failed to render chart|YAML parse error|template: |parse error at", text):
        return ChartError(
            f"The chart could not be rendered: {_cause(text)}",
            "Nothing was changed. This is a mistake of the chart, for its author to correct: "
            "choose another version.",
            text,
        )
    if re.search(
        r'chart "[^"]+" (version "[^"]+" )?not found|path "[^"]+" not found|repo \S+ not found',
        text,
    ):
        return ChartError(
            "The chart was not found.",
            "An administrator has to look at the portal's chart setting.",
            text,
        )
    found = _NO_KIND.search(text)
    if found:
        return unknown_kind(found["kind"], found["version"] or "", text)
    return None


def _record(text: str, key: Key) -> PortalError | None:
    """Helm reads what the record names before it applies anything of a chart."""
    missing = _missing(text)
    if _CURRENT_MANIFEST not in text or not missing:
        return None
    return RemovedApi(
        f"Helm's record of the existing release {key.name} names {missing}, which this cluster no "
        "longer serves. Neither the new chart nor the values are the cause.",
        "Nothing was changed. Choose Update record on the app's page, which maps the record to the "
        "API of today and changes nothing in the cluster; then try again. Or uninstall the app.",
        text,
    )


def _missing(text: str) -> str:
    """The kinds that Helm has found no API for, in words; "" if none."""
    found = {_api(each["kind"], each["version"] or "") for each in _NO_KIND.finditer(text)}
    return ", ".join(sorted(found))


def removed_from_past(missing: str, output: str = "") -> RemovedApi:
    """The error for a rollback to a revision with kinds that the cluster no longer serves."""
    return RemovedApi(
        f"The revision to go back to names {missing}, which this cluster no longer serves.",
        "Nothing was changed. Choose a newer revision, or launch the version of the chart that "
        "you want.",
        output,
    )


def unknown_kind(kind: str, version: str, output: str = "") -> UnknownKind:
    """The error for a kind that the cluster does not serve."""
    return UnknownKind(
        f"This cluster does not know the kind {kind}.",
        "It has no Gateway API: choose another way to reach the app."
        if kind == "HTTPRoute"
        else f"Nothing was changed. Ask an administrator to install what brings "
        f"{version or 'it'}, then try again.",
        output,
        _api(kind, version),
    )


def _api(kind: str, version: str) -> str:
    return f"{kind} in {version}" if version else kind


def _objects(text: str, key: Key) -> PortalError | None:
    found = _OWNED.search(text)
    if found:
        return _in_the_way(found, key)
    owners = conflicting_fields(text)
    if owners:
        fields = ", ".join(owners)
        managers = ", ".join(sorted(set(owners.values())))
        return FieldConflict(
            f"{fields} was last set by {managers}, not by Helm, so Helm did not change it.",
            "To keep that change, ask for the same here. To undo it, set it back where it was "
            "made; an administrator can have Helm take these fields over.",
            text,
            owners,
        )
    found = _QUOTA.search(text)
    if found:
        return HelmError(
            f"The quota of the namespace {key.namespace} does not allow this: {found['detail']}",
            "Ask for less, or remove an app that is not needed.",
            text,
        )
    found = _WEBHOOK.search(text)
    if found:
        return HelmError(
            f"A rule of this cluster ({found['name']}) says no: {found['why']}",
            "Change what it objects to, or ask an administrator about this rule.",
            text,
        )
    found = _SECURITY.search(text)
    if found:
        return HelmError(
            f"The namespace's security rules say no: {found[0]}",
            "Change the chart's security settings, or use another namespace.",
            text,
        )
    found = _INVALID.search(text)
    if found and _IMMUTABLE.search(found["why"]):
        fields = ", ".join(dict.fromkeys(_FIELD.findall(found["why"]))) or found["why"][:200]
        return HelmError(
            f"Kubernetes lets nobody change {fields} of the {found['kind'].partition('.')[0]} "
            f"{found['name']} once it exists.",
            "Take that change back and try again. To have it all the same, uninstall the app and "
            "launch it anew: it is away meanwhile.",
            text,
        )
    if found:
        return HelmError(
            f"Kubernetes refused the {found['kind'].partition('.')[0]} {found['name']}: "
            f"{_REGEX.sub('', found['why'])[:400]}",
            "Correct the values and try again.",
            text,
        )
    return None


def _in_the_way(found: re.Match[str], key: Key) -> Conflict:
    """Say whose the object is that is there already, as far as Helm has said."""
    named = f"A {found['kind']} named {found['name']} exists already "
    named += f"in {found['namespace']}" if found["namespace"] else "in the cluster"
    name = _OWNER_NAME.search(found["why"])
    namespace = _OWNER_NAMESPACE.search(found["why"])
    if not name and not namespace:
        return Conflict(
            f"{named} and does not belong to a release.",
            "Choose another name for the app. Whoever made that object may still need it: ask "
            "before it is removed.",
        )
    release = name[1] if name else key.name
    where = namespace[1] if namespace else key.namespace
    return Conflict(
        f"{named} and belongs to the release {release} in {where}.",
        f"Choose another name for the app. If {release} is still there, it needs that object. If "
        f"it was uninstalled, its chart has asked to keep the object: an administrator can remove "
        "it, or give it to this release.",
    )


def _permission(text: str, key: Key) -> PortalError | None:
    return denied(text)


def busy(key: Key, status: str = "") -> ReleaseBusy:
    """The error for a release with a pending operation, running or abandoned."""
    if status == ReleaseStatus.UNINSTALLING:
        return ReleaseBusy(
            f"{key.name} is being removed, or its removal has failed (its status is {status}): "
            "Helm will neither upgrade it nor roll it back.",
            "If nobody is removing it any more, uninstall it again on its page, and without its "
            "hooks if these fail. Then launch it again.",
        )
    state = f" (its status is {status})" if status else ""
    return ReleaseBusy(
        f"Another Helm operation on {key.name} is under way{state}.",
        "It may come from a terminal or from another tool: wait for it to end. If you know that "
        "it was ended by force: after ten minutes without a change the app's page offers to unlock "
        "the release.",
    )


def _complaints(text: str, root: str) -> dict[str, str]:
    """Return the complaints of a chart's and its subcharts' schemas, by path from the chart's root.

    Helm tells it chart by chart, the chart itself first, with each one's own paths; below a
    complaint stands what it is made of.
    """
    below = ""
    wrong: dict[str, str] = {}
    last = ""
    for line in text.splitlines():
        chart = _SCHEMA_CHART.match(line)
        if chart:
            root = root or chart["chart"]
            below = "" if chart["chart"] == root else chart["chart"]
        found = _SCHEMA_LINE.match(line)
        if not found:
            continue
        sentence = _sentence(found["sentence"])
        if found["indent"] and last:
            wrong[last] += f" ({sentence})"
            continue
        path = found["path"].strip("/").replace("/", ".")
        last = ".".join(part for part in (below, path) if part)
        wrong[last] = f"{wrong[last]}; {sentence}" if last in wrong else sentence
    return wrong


def conflicting_fields(text: str) -> dict[str, str]:
    """The field manager by field, of every server-side apply conflict in ``text``."""
    owners: dict[str, str] = {}
    for found in _OWNER.finditer(text):
        for line in found["fields"].splitlines():
            name = line.strip().removeprefix("-").strip()
            if name:
                owners[name] = found["manager"]
    return owners


def _sentence(text: str) -> str:
    constant = _CONST.match(text)
    return constant["sentence"] if constant else text


_NOISE = ("level=", "time=", "WARNING", "walk.go", "I0", "W0")
MAX_CAUSE = 800


def _cause(text: str) -> str:
    """Return all lines of Helm's error: the cause often stands in the last."""
    lines = (line.removeprefix("Error: ").strip() for line in text.splitlines())
    told = [line for line in lines if line and not line.startswith(_NOISE)]
    return _cut(" ".join(told)) or "it gave no reason."


def _paragraph(text: str) -> str:
    return _cut(" ".join(text.split()).rstrip("."))


def _cut(text: str) -> str:
    """The text, within its limit: of a long one the end is kept, too."""
    if len(text) <= MAX_CAUSE:
        return text
    return f"{text[: MAX_CAUSE // 2]} … {text[-MAX_CAUSE // 2 :]}"
