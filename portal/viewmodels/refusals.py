"""Explanations of the API server's refusals to create pods, from its messages."""

from __future__ import annotations

import re

from portal.viewmodels.model import Notice, Severity
from portal.viewmodels.words import joined, sentence, shortened


def refusal(message: str, namespace: str) -> Notice:
    """Explain why the API server refused a pod."""
    quota = re.search(
        r"exceeded quota: ([^,]+), requested: (.+?), used: (.+?), limited: (.+)$", message
    )
    if quota:
        return Notice(
            Severity.BAD,
            "The namespace's quota is used up",
            f"The quota {quota[1]} of {namespace} leaves no room for one more pod: "
            f"{joined(_in_use(quota[2], quota[3], quota[4]))}.",
            "Request less, run fewer pods, stop another app of this namespace, or ask an "
            "administrator for a larger quota.",
        )
    if "must specify" in message and "quota" in message:
        what = joined(re.findall(r"((?:limits|requests)\.\w+)", message)) or "requests and limits"
        return Notice(
            Severity.BAD,
            "The namespace's quota requires requests and limits",
            f"The quota of {namespace} refuses pods that do not set {what}.",
            "Set the CPU and memory requests and limits.",
        )
    if "violates PodSecurity" in message:
        return Notice(
            Severity.BAD,
            "Pod Security refuses the pods",
            sentence(shortened(message.partition("violates ")[2])),
            "Change the security context in the chart's values, or use another namespace.",
        )
    limits = re.search(
        r"((?:m(?:ax|in)imum [\w.-]+ usage|[\w.-]+ max limit to request ratio) per \w+ is .+?)"
        r"\.?(?:\]|$)",
        message,
    )
    if limits:
        return Notice(
            Severity.BAD,
            "The namespace's LimitRange refuses the pods",
            sentence(f"In {namespace} the {shortened(limits[1])}"),
            "Change the CPU and memory requests and limits to fit.",
        )
    account = re.search(r'serviceaccount "([^"]+)" not found', message)
    if account:
        return Notice(
            Severity.BAD,
            "The service account is missing",
            f"The pods are to run as the service account {account[1]}, which does not exist.",
            "Create it, or name another in the app's values.",
        )
    for pattern, title, words, advice in _REFUSALS:
        found = re.search(pattern, message, re.DOTALL)
        if found:
            said = [shortened(each or "") for each in found.groups()]
            return Notice(
                Severity.BAD,
                title,
                sentence(words.format(*said, namespace=namespace).rstrip(": ")),
                advice,
            )
    return Notice(
        Severity.BAD,
        "Pods cannot be created",
        sentence(shortened(message)),
        "If this does not tell you what to change, ask an administrator.",
    )


_REFUSALS: tuple[tuple[str, str, str, str], ...] = (
    (
        r'admission webhook "([^"]+)" denied the request(?: without explanation|: (.*))?',
        "An admission webhook refuses the pods",
        "The webhook {0} denies them: {1}",
        "Change what it objects to, or ask the administrator who set the webhook up.",
    ),
    (
        r'failed calling webhook "([^"]+)": (?:.*: )?(.*)',
        "An admission webhook does not answer",
        "Every new pod has to be admitted by the webhook {0}, which cannot be reached: {1}",
        "Ask an administrator: as long as it does not answer no pods are created.",
    ),
    (
        r"ValidatingAdmissionPolicy '([^']+)'.* denied request: (.*)",
        "An admission policy refuses the pods",
        "The policy {0} denies them: {1}",
        "Change what it objects to, or ask the administrator who set the policy up.",
    ),
    (
        r"no PriorityClass with name (\S+) was found",
        "The priority class is missing",
        "The pods are to have the priority class {0}, which does not exist.",
        "Name one that exists in the app's values, or ask an administrator.",
    ),
    (
        r'RuntimeClass "([^"]+)" not found',
        "The runtime class is missing",
        "The pods are to have the runtime class {0}, which does not exist.",
        "Name one that exists in the app's values, or ask an administrator.",
    ),
    (
        r"because it is being terminated",
        "The namespace is being deleted",
        "No pods are created in {namespace} any more.",
        "Launch the app in another namespace.",
    ),
)


def _in_use(requested: str, used: str, limited: str) -> list[str]:
    """Each amount in words: "pods 2 of 2 in use, one more needs 1"."""
    needs, taken = _amounts(requested), _amounts(used)
    return [
        f"{name} {taken.get(name, '?')} of {most} in use, one more needs {needs.get(name, '?')}"
        for name, most in _amounts(limited).items()
    ]


def _amounts(text: str) -> dict[str, str]:
    """ "requests.cpu=200m,pods=1" → {"requests.cpu": "200m", "pods": "1"}."""
    parts = (part.strip().partition("=") for part in text.split(","))
    return {name: amount for name, _, amount in parts}
