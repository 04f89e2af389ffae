"""The rules on pods: their security, images, accounts, place, and what they refer to. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from portal.catalog.images import image_allowed
from portal.domain.keys import (
    ENV_OF,
    SHARED_LABEL,
)
from portal.guardrails.references import (
    CLAIM,
    SECRET,
    images,
    mounts_token,
    service_account,
)
from portal.guardrails.rules import Rule, Violation
from portal.guardrails.subject import Check, ClusterFacts, ExistingObject, Subject

INSTANCE = "app.kubernetes.io/instance"


def _pod_security(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod, problem in zip(subject.pods, facts.pod_problems, strict=False):
        if problem:
            yield Violation(pod.owner.ref, Rule.POD_SECURITY, problem, pod.path)


def _images(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod in subject.pods:
        for image, path in images(pod):
            if not image_allowed(image, subject.site.images):
                yield Violation(
                    pod.owner.ref,
                    Rule.IMAGES,
                    f"the image {image[:200]} is not among those that may be run here",
                    path,
                    image,
                )


def _project(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    allowed = facts.limits.images
    for pod in subject.pods if allowed else ():
        for image, path in images(pod):
            if not image_allowed(image, allowed):
                yield Violation(
                    pod.owner.ref,
                    Rule.PROJECT,
                    f"the image {image[:200]} is not among those that this project allows",
                    path,
                    image,
                )


def _service_accounts(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod in subject.pods:
        name, where = service_account(pod), f"{pod.path}.serviceAccountName".lstrip(".")
        if subject.makes("ServiceAccount", name, pod.owner):
            continue
        if name != "default":
            yield Violation(
                pod.owner.ref,
                Rule.SERVICE_ACCOUNTS,
                f"it runs as the ServiceAccount {name[:100]}, which the release does not make",
                where,
                name,
            )
        elif mounts_token(pod, facts.default_token):
            yield Violation(
                pod.owner.ref,
                Rule.SERVICE_ACCOUNTS,
                "it gets a token of the ServiceAccount default: set automountServiceAccountToken "
                "to false, or have the release make its own ServiceAccount",
                where,
            )


def _references(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for each, found in subject.outside:
        live = facts.referenced.get((found.kind, found.name))
        if found.kind == SECRET and found.name in subject.upcoming:
            continue
        if found.kind == CLAIM:
            problem = _claim_problem(live, subject)
        else:
            problem = _shared_problem(live, subject)
        if problem:
            words = f"it refers to the {found.kind} {found.name[:100]}, which {problem}"
            yield Violation(each.ref, Rule.REFERENCES, words, found.path, found.name)


def _shared_problem(live: ExistingObject | None, subject: Subject) -> str:
    if live is not None and (
        live.labels.get(SHARED_LABEL) == "true" or live.labels.get(ENV_OF) == subject.release
    ):
        return ""
    return (
        "there is not" if live is None else "is not shared with apps"
    ) + f"; whoever owns one can label it {SHARED_LABEL}=true"


def _claim_problem(live: ExistingObject | None, subject: Subject) -> str:
    """The problem with a volume claim: another release owns it, and it is not shared.

    One without a release was created by hand, in order to be mounted.
    """
    if live is None or live.labels.get(SHARED_LABEL) == "true":
        return ""
    instance = live.labels.get(INSTANCE)
    if live.release in {"", subject.key} and instance in {None, subject.release}:
        return ""
    owner = live.release.partition("/")[2] or str(instance)
    return f"belongs to {owner[:60]}; its owner can label it {SHARED_LABEL}=true"


def _scheduling(subject: Subject, facts: ClusterFacts) -> Iterator[Violation]:
    for pod in subject.pods:
        if str(pod.spec.get("priorityClassName", "")).startswith("system-"):
            where = f"{pod.path}.priorityClassName".lstrip(".")
            words = "pods of this priority push out others'"
            yield Violation(pod.owner.ref, Rule.SCHEDULING, words, where)
        if pod.spec.get("nodeName") is not None:
            where = f"{pod.path}.nodeName".lstrip(".")
            yield Violation(pod.owner.ref, Rule.SCHEDULING, "it would go past the scheduler", where)


CHECKS: Mapping[Rule, Check] = {
    Rule.SERVICE_ACCOUNTS: _service_accounts,
    Rule.REFERENCES: _references,
    Rule.IMAGES: _images,
    Rule.PROJECT: _project,
    Rule.POD_SECURITY: _pod_security,
    Rule.SCHEDULING: _scheduling,
}
