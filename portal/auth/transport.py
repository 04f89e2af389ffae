"""Recognition of requests that came over HTTPS. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from portal.auth.addresses import origin_of


class Transport(Struct, frozen=True):
    """The ways to know that a browser speaks HTTPS, besides a connection with TLS.

    ``public_url`` is the portal's own address. ``proxied`` is True where only a proxy that has
    proven itself is answered: its ``X-Forwarded-Proto`` is believed then.
    """

    public_url: str = ""
    proxied: bool = False

    def is_https(self, scheme: str, headers: Mapping[str, str]) -> bool:
        """Return True if a request with this ASGI ``scheme`` came over HTTPS."""
        if scheme in {"https", "wss"}:
            return True
        said = headers.get("x-forwarded-proto", "").partition(",")[0].strip().lower()
        if self.proxied and said == "https":
            return True
        public = origin_of(self.public_url)
        return public.startswith("https:") and public == origin_of(
            f"https://{headers.get('host', '')}"
        )
