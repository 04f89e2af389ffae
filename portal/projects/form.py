"""The form of a project: texts from a page in, a checked project out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from decimal import Decimal

from msgspec import Struct, field

from portal.domain.impersonation import name_problem
from portal.domain.namespaces import NamespaceRules
from portal.domain.projects import AppLimits, listed
from portal.domain.quantities import QuantityError, limit_problem, parse
from portal.guardrails.rules import Level
from portal.projects.model import CONTAINER, QUOTA, ROLE_NAMES, Member, Project, ProjectSite
from portal.projects.names import project_name_problem

LONGEST_PURPOSE = 200
MOST_MEMBERS = 100
"""People and groups of one role."""
MOST_PATTERNS = 50

ROLE_FIELDS: Mapping[str, str] = {f"{role}s": role for role in ROLE_NAMES}
"""The fields of people, with their roles."""

FIELDS = (
    "name",
    "purpose",
    *ROLE_FIELDS,
    *QUOTA,
    *CONTAINER,
    "level",
    "network",
    "images",
    "charts",
    "size",
)
"""The fields of the form, in their order."""

OPEN, RESTRICTED = "open", "restricted"
"""The choices of the field ``network``."""

NO_SIZE = "none"
"""The choice of no default size."""

DEFAULTS: Mapping[str, str] = {
    "quota_cpu": "4",
    "quota_memory": "8Gi",
    "quota_pods": "20",
    "quota_storage": "20Gi",
    "quota_load_balancers": "0",
    "cpu_request": "100m",
    "memory_request": "128Mi",
    "cpu_limit": "1",
    "memory_limit": "512Mi",
    "level": Level.RESTRICTED.value,
    "network": OPEN,
}
"""The content of an empty form, where an administrator has set no other."""


class CheckedProject(Struct, frozen=True):
    """The result of checking the form: ``project`` is None if there are errors, by field.

    ``warnings`` are sentences about what is probably not meant, by field.
    """

    project: Project | None
    errors: Mapping[str, str] = field(default_factory=dict[str, str])
    warnings: Mapping[str, str] = field(default_factory=dict[str, str])


def check(
    raw: Mapping[str, object],
    rules: NamespaceRules,
    site: ProjectSite,
    *,
    before: Project | None = None,
) -> CheckedProject:
    """Check every field; missing ones count as empty.

    ``before`` is the project as it is, None for a new one: its name and its user stay.
    """
    texts = {name: _text(raw.get(name)) for name in FIELDS}
    errors: dict[str, str] = {}
    name = before.name if before is not None else texts["name"]
    if before is None and (problem := project_name_problem(name, rules)):
        errors["name"] = problem
    if len(texts["purpose"]) > LONGEST_PURPOSE:
        errors["purpose"] = f"At most {LONGEST_PURPOSE} characters."
    members = {role: _members(texts[each], each, errors) for each, role in ROLE_FIELDS.items()}
    for each in (*QUOTA, *CONTAINER):
        if problem := _amount_problem(each, texts[each]):
            errors[each] = problem
    if not errors.keys() & {*QUOTA, *CONTAINER}:
        errors |= _defaults_missing(texts) | _beyond_quota(texts) | _below_request(texts)
    level = texts["level"] or Level.RESTRICTED.value
    if level not in set(Level):
        errors["level"] = f"Choose one of: {', '.join(Level)}."
    network = texts["network"] or OPEN
    if network not in {OPEN, RESTRICTED}:
        errors["network"] = f"Choose one of: {OPEN}, {RESTRICTED}."
    size = "" if texts["size"] == NO_SIZE else texts["size"]
    limits = AppLimits(listed(texts["images"]), listed(texts["charts"]), size)
    errors |= _limit_errors(limits, site.sizes)
    if errors:
        return CheckedProject(None, errors)
    project = Project(
        name,
        " ".join(texts["purpose"].split()),
        members,
        {each: texts[each] for each in QUOTA if texts[each]},
        {each: texts[each] for each in CONTAINER if texts[each]},
        Level(level),
        network == RESTRICTED,
        limits,
        before.personal_of if before is not None else "",
    )
    return CheckedProject(project, {}, _warnings(project, site))


def filled(project: Project) -> dict[str, str]:
    """Return the form of a project."""
    return {
        "name": project.name,
        "purpose": project.purpose,
        **{
            each: "\n".join(map(str, project.members.get(role, ())))
            for each, role in ROLE_FIELDS.items()
        },
        **{each: project.quota.get(each, "") for each in QUOTA},
        **{each: project.defaults.get(each, "") for each in CONTAINER},
        "level": project.level.value,
        "network": RESTRICTED if project.restricted else OPEN,
        "images": "\n".join(project.limits.images),
        "charts": "\n".join(project.limits.charts),
        "size": project.limits.size,
    }


def _text(content: object) -> str:
    return "" if content is None else str(content).strip()


def read_members(text: str) -> tuple[tuple[Member, ...], str]:
    """Return the people and groups that lines name, and what is wrong with them ("" if valid).

    A name may have commas in it, as those of directories do.

    >>> read_members("user:ann+test@example.org\\ngroup:team-a")[1]
    ''
    """
    found: dict[Member, None] = {}
    for part in filter(None, map(str.strip, text.splitlines())):
        kind, colon, name = part.partition(":")
        kind, name = kind.strip().lower(), name.strip()
        if not colon or kind not in {"user", "group"} or not name or _SEVERAL.search(name):
            return (), f"“{part[:60]}”: write user:NAME or group:NAME, one per line."
        if problem := name_problem(name):
            return (), f"The name “{name[:60]}” {problem}."
        found.setdefault(Member(kind, name))
    if len(found) > MOST_MEMBERS:
        return (), f"Name at most {MOST_MEMBERS} people and groups; a group counts once."
    return tuple(found), ""


_SEVERAL = re.compile(r"[,;]\s*(user|group)\s*:")
"""Two names in one line."""


def _members(text: str, name: str, errors: dict[str, str]) -> tuple[Member, ...]:
    found, problem = read_members(text)
    if problem:
        errors[name] = problem
    return found


def _whole(amount: Decimal) -> str:
    if amount != amount.to_integral_value():
        return "Give a whole number."
    return ""


def _above_zero(amount: Decimal) -> str:
    return "" if amount > 0 else "Give more than zero, or leave the field empty."


def _any(_: Decimal) -> str:
    return ""


_COUNTS = frozenset({"quota_pods", "quota_claims", "quota_load_balancers"})


def _amount_problem(name: str, text: str) -> str:
    if not text:
        return ""
    try:
        amount = parse(text)
    except QuantityError as error:
        return str(error)
    if amount < 0:
        return "Give zero or more, or leave the field empty."
    check: Callable[[Decimal], str] = _any
    if name in _COUNTS:
        check = _whole
    elif name in CONTAINER:
        check = _above_zero
    elif "memory" in name or "storage" in name:
        bare = text[-1:].isdigit() or text.endswith("m")
        if bare and 0 < amount < 2**20:
            return f"{text} is less than a MiB. You probably mean {text.rstrip('m')}Gi."
    return check(amount)


_NEEDED: Mapping[str, str] = {
    "quota_cpu": "cpu_request",
    "quota_memory": "memory_request",
    "quota_cpu_limits": "cpu_limit",
    "quota_memory_limits": "memory_limit",
}
"""The default that a quota needs: Kubernetes refuses pods that do not say what a quota counts."""


def _defaults_missing(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        default: "A quota of this is set, so pods without an amount of their own would be refused: "
        "give the amount that they get."
        for quota, default in _NEEDED.items()
        if texts[quota] and not texts[default]
    }


def _beyond_quota(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        default: f"This is more than the whole quota ({texts[quota]}): no pod could start."
        for quota, default in _NEEDED.items()
        if texts[quota] and texts[default] and parse(texts[default]) > parse(texts[quota])
    }


def _below_request(texts: Mapping[str, str]) -> dict[str, str]:
    return {
        f"{what}_limit": problem
        for what, words in (("cpu", "CPU"), ("memory", "memory"))
        if (problem := limit_problem(texts[f"{what}_request"], texts[f"{what}_limit"], words))
    }


def _limit_errors(limits: AppLimits, sizes: Collection[str]) -> dict[str, str]:
    errors: dict[str, str] = {}
    for name, patterns in (("images", limits.images), ("charts", limits.charts)):
        bad = next((each for each in patterns if not each.isprintable() or " " in each), None)
        if bad is not None:
            errors[name] = f"“{bad[:60]}” has a space in it: write one pattern in a line."
        if len(patterns) > MOST_PATTERNS:
            errors[name] = f"Give at most {MOST_PATTERNS} patterns."
    lonely = next((each for each in limits.charts if "/" not in each), None)
    if "charts" not in errors and lonely is not None:
        errors["charts"] = f"“{lonely[:60]}”: write the source and the chart, such as team/*."
    if limits.size and limits.size not in sizes:
        errors["size"] = f"There is no size {limits.size[:60]}: an administrator sets the sizes."
    return errors


def _warnings(project: Project, site: ProjectSite) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, role in ROLE_FIELDS.items():
        unknown = [
            each.name
            for each in project.members.get(role, ())
            if each.kind == "group" and each.name not in site.groups
        ]
        if unknown and site.by_role:
            found[name] = (
                f"The portal does not tell Kubernetes of the group {unknown[0]}, so its members "
                "get nothing here: authorization.groups of the portal's chart lists the groups."
            )
    if not any(project.members.values()) and site.by_role:
        found["launchers"] = "Nobody is named: nobody but cluster administrators will see it."
    if project.level is not Level.RESTRICTED:
        found["level"] = (
            "The portal's guardrails stay: they hold apps to “restricted” all the same."
        )
    return found
