"""Secrets recognised by their form, in any text.

These are passwords in addresses and connection strings, tokens of well-known services, keys, and
values after the name of a secret. All searches take time linear in the text: patterns begin at the
beginning of a word and look ahead a bounded distance, so that no text makes them backtrack.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Iterator

from portal.domain.secret_names import compact, is_secret

Span = tuple[int, int]
Finder = Callable[[str], Iterator[Span]]

SHORTEST_TEXT = 8
"""Minimum length of a text that can contain a secret and its context."""
_LONGEST = 1024
"""Maximum characters of a value after a name that are examined and hidden."""
_IN_TEXT = frozenset({"pwd", "pass", "pw", "sig", "dsn"})
"""Further names of secrets in connection strings and signed URLs."""


def secret_spans(text: str) -> list[Span]:
    """Return start and end of each secret in ``text``, in order, without overlaps."""
    if len(text) < SHORTEST_TEXT:
        return []
    return merged(span for find in _FINDERS for span in find(text))


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return spans in order, those that touch as one, without empty ones."""
    found: list[Span] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        else:
            found.append((start, end))
    return found


# Addresses: scheme://user:password@host

_ADDRESS = re.compile(r"""://([^\s"'<>`]+)""")
_PORT = re.compile(r"\d+[/?#]")
_LONELY = 20
"""Minimum length of a user name without a password that counts as a token."""


def _userinfo(text: str) -> Iterator[Span]:
    if "@" not in text:
        return
    for found in _ADDRESS.finditer(text):
        # Unescaped passwords may contain "/" and "@": the last "@" separates.
        user, at, _ = found[1].rpartition("@")
        name, colon, password = user.partition(":")
        start = found.start(1) + len(name) + len(colon)
        if not at or "/" in name:
            continue
        if colon and not _PORT.match(password):
            yield start, start + len(password)
        elif not colon and len(name) >= _LONELY:
            yield found.start(1), found.start(1) + len(name)


_GO_DSN = re.compile(r"@(?:tcp|unix|udp)\(")
_ORACLE = re.compile(r"jdbc:oracle:\w{1,20}:[^\s/@\"']{1,128}/([^\s@\"']{1,256})@", re.I)
_CURL = re.compile(r"""(?<!\S)(?:-u|--user)[ =]["']?[^\s:"']{1,128}:([^\s"']{1,256})""")


def _other_addresses(text: str) -> Iterator[Span]:
    if "@" not in text and "-u" not in text:
        return
    done = 0
    for found in _GO_DSN.finditer(text):
        start, done = max(done, found.start() - _LONGEST), found.end()
        word = re.split(r"[\s\"'=]", text[start : found.start()])[-1]
        name, colon, password = word.partition(":")
        if colon and name:
            yield found.start() - len(password), found.start()
    for pattern in (_ORACLE, _CURL):
        yield from (found.span(1) for found in pattern.finditer(text))


# Names: password=…, "password": "…", --password …

_START = r"""(?<![\w.-])(?P<name>[A-Za-z_][\w.-]*)\\*["']?"""
_ASSIGNED = re.compile(_START + r"[ \t]?=(?![=>])[ \t]?")
_LABELLED = re.compile(_START + r"[ \t]*:(?![:=])")
_FLAG = re.compile(r"(?<![\w-])--(?P<name>[A-Za-z][\w-]*)[ \t]+(?!-)")
_OPENING = re.compile(r"[ \t]*(\\*[\"'`])")
_WORD = re.compile(r"[ \t]*([^\s\"'`,;&{}\[\]()\\]+)")
_ENDED = re.compile(r"[ \t]*(?:\Z|[\n,;}\]#])")
_NOTHING = re.compile(
    r"(?:(?i:true|false|null|none|nil)|\(hidden\)|[-|>~*]+|<[\w -]*>?"
    r"|\$(?:[({A-Z_].*)?|%[({A-Z].*|\{\{.*)\Z"
)
"""Values that are not secrets: booleans, variables, blanks to fill in."""


def _named(text: str) -> Iterator[Span]:
    for sign, pattern, value in _SIGNS:
        for found in pattern.finditer(text) if sign in text else ():
            name = found["name"]
            if is_secret(name) or compact(name) in _IN_TEXT:
                at, last = found.end(), min(len(text), found.end() + _LONGEST)
                opening = _OPENING.match(text, at, last)
                if opening:
                    start, end = opening.end(), _closing(text, opening[1], opening.end(), last)
                else:
                    start, end = value(text, found.start(), at, last)
                if not _NOTHING.match(text[start:end]):
                    yield start, end


def _assigned(text: str, name: int, at: int, last: int) -> Span:
    """Return the span after ``password=``: a word, or all up to the next semicolon."""
    before = text[max(0, name - SHORTEST_TEXT) : name].rstrip()[-1:]
    first, semicolon, _ = text[at:last].partition("\n")[0].partition(";")
    pairs = before == ";" or (semicolon and before not in {"?", "&"})
    if pairs and '"' not in first and "'" not in first:
        return at, at + len(first)  # Key=any words;Key=…
    return _word(text, name, at, last)


def _labelled(text: str, name: int, at: int, last: int) -> Span:
    """Return the span after ``password:`` if it is a single word; more are a sentence."""
    start, end = _word(text, name, at, last)
    if text.rfind("map[", max(0, name - _LONGEST), name) >= 0:  # a map as Go prints it
        return start, end
    return (start, end) if start > at and _ENDED.match(text, end) else (at, at)


def _word(text: str, name: int, at: int, last: int) -> Span:
    word = _WORD.match(text, at, last)
    return word.span(1) if word else (at, at)


_SIGNS = (("=", _ASSIGNED, _assigned), (":", _LABELLED, _labelled), ("--", _FLAG, _word))


def _closing(text: str, quote: str, start: int, last: int) -> int:
    """Return the end of a quoted value: the next such quote that is not escaped."""
    at = text.find(quote, start, last)
    while at > start and text[at - 1] == "\\":
        at = text.find(quote, at + 1, last)
    return at if at >= 0 else last


# Headers

_SCHEME = re.compile(r"(?<![A-Za-z])(?:basic|bearer)[ \t]+([\w.~+/=-]{8,})", re.I)
_AUTHORIZATION = re.compile(
    r"""authorization\\*["']?[ \t]*[:=][ \t]*\\*["']?(?:(?P<scheme>\w{1,20})[ \t]+)?"""
    r"""(?P<rest>[^\s"'\\,]{8,})""",
    re.I,
)
_BARE = 16
"""Minimum length of an authorization without a scheme that counts as a secret."""
_PROSE = frozenset({"authentication", "authorization", "credentials"})


def _headers(text: str) -> Iterator[Span]:
    lower = text.lower()
    if "basic" not in lower and "bearer" not in lower and "authorization" not in lower:
        return
    for found in _SCHEME.finditer(text):
        bearer = found[0][:2].lower() == "be"
        if found[1] not in _PROSE if bearer else _is_pair(found[1]):
            yield found.span(1)
    for found in _AUTHORIZATION.finditer(text):
        if found["scheme"] or len(found["rest"]) >= _BARE:
            yield found.span("rest")


def _is_pair(encoded: str) -> bool:
    """Return True if this is base64 of ``user:password``."""
    try:
        return b":" in base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return False


# Keys and tokens, by what they begin with

_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:(?!-----END)[\s\S])*"
    r"(?:-----END [A-Z ]{0,40}PRIVATE KEY(?: BLOCK)?-----)?"
)
_LONG = re.compile(r"[^\s\"'<>,;{}()\[\]]{16,}")
_JWT = re.compile(r"(?<![\w-])([\w-]+)\.[\w-]{8,}\.[\w-]*")
_TOKEN = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"(?:AKIA|ASIA|ABIA|ACCA|AGPA|AIDA|AROA|ANPA|ANVA)[A-Z0-9]{16}"  # AWS
    r"|gh[pousr]_\w{20,}|github_pat_\w{20,}"
    r"|gl(?:pat|ptt|rt|dt|ft|soat|cbt|imt|agent|oas|ffct)-[\w.-]{16,}|GR1348941[\w-]{16,}"  # GitLab
    r"|glsa_\w{20,}|glc_[\w+/=-]{32,}"  # Grafana
    r"|xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}"  # Slack
    r"|AIza[\w-]{35}|GOCSPX-[\w-]{20,}|ya29\.[\w-]{20,}"  # Google
    r"|[rs]k_(?:live|test)_\w{16,}|whsec_[\w+/=]{16,}"  # Stripe
    r"|sk-(?:ant|proj|svcacct|admin|or)-[\w-]{16,}|sk-[A-Za-z0-9]{32,}"
    r"|SG\.[\w-]{16,}\.[\w-]{16,}"  # SendGrid
    r"|npm_\w{30,}|pypi-[\w-]{50,}|hf_\w{30,}|dckr_(?:pat|oat)_[\w-]{20,}|do[opr]_v1_\w{40,}"
    r"|hv[sbr]\.[\w-]{20,}|dapi[0-9a-f]{32}|ATATT3[\w=-]{50,}|NRAK-[A-Z0-9]{27}"
    r"|shp(?:at|ca|pa|ss)_[0-9A-Fa-f]{32}|PMAK-[\w-]{20,}|lin_api_\w{30,}"
    r"|SK[0-9a-f]{32}|key-[0-9a-f]{32}|\d{8,10}:AA[\w-]{33}"  # Twilio, Mailgun, Telegram
    r"|[\w~.]{3}8Q~[\w~.-]{31,34}"  # Azure
    r"|AGE-SECRET-KEY-1[0-9A-Z]{50,}"
    r"|hooks\.slack\.com/(?:services|workflows)/[\w/]{16,}"
    r"|discord(?:app)?\.com/api/webhooks/[\w/-]{16,}"
    # A private key in base64, and passwords as systems keep them.
    r"|LS0tLS1CRUdJTiB(?:SU0Eg|QUklW|FQyBQUklW|PUEVOU1NI|FTkNSWVBURUQ|EU0Eg)[A-Za-z0-9+/=]*"
    r")|\$(?:2[abxy]|5|6|y|apr1|argon2id?)\$[^\s:]{16,}"
)


def _keys(text: str) -> Iterator[Span]:
    if "PRIVATE KEY" in text:
        yield from (found.span() for found in _KEY.finditer(text))
    for run in _LONG.finditer(text):
        start = run.start()
        for found in _TOKEN.finditer(run[0]):
            yield start + found.start(), start + found.end()
        for found in _JWT.finditer(run[0]):
            at = found[1].find("eyJ")
            if at >= 0:
                yield start + found.start() + at, start + found.end()


_FINDERS: tuple[Finder, ...] = (_userinfo, _other_addresses, _named, _headers, _keys)
