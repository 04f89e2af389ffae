"""The names in the certificate of who has connected, for requests and live connections."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.types import Scope

from portal.domain.errors import Unauthenticated

PEER_NAMES = "dash-portal.peer_names"
"""Key of the ASGI extension with the names in the client's certificate, a set of strings."""


def names_in(certificate: Mapping[str, object] | None) -> frozenset[str]:
    """Return the DNS names and URIs in a certificate that was verified (``getpeercert``).

    The subject's common name does not count.
    """
    alternatives: Iterable[tuple[str, str]] = (certificate or {}).get("subjectAltName", ())  # type: ignore[assignment]
    return frozenset(
        name.lower() if kind == "DNS" else name
        for kind, name in alternatives
        if kind in {"DNS", "URI"}
    )


def check_peer(scope: Scope, wanted: frozenset[str]) -> None:
    """Check that a connection is the proxy's, if it has to prove that by its certificate.

    Raises:
        Unauthenticated: none of the names ``wanted`` is in a certificate that it has shown.
    """
    extensions: Mapping[str, frozenset[str]] = scope.get("extensions") or {}
    if wanted and wanted.isdisjoint(extensions.get(PEER_NAMES, frozenset())):
        raise Unauthenticated(
            "This request did not come through the login proxy.",
            "Open the portal at its public address. If you did, an administrator has to check that "
            "the proxy shows a client certificate with a name that the portal expects.",
        )
