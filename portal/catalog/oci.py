"""Charts in an OCI registry, read by the OCI distribution protocol."""

from __future__ import annotations

import hashlib
import json
import re
from urllib.parse import quote, urlencode, urljoin, urlsplit

from msgspec import Struct

from portal.catalog.archive import MAX_PACKED
from portal.catalog.fetch import Answer, Fetch, FetchError, check_host, origin
from portal.catalog.index import chart_version, newest_first
from portal.catalog.sign_in import Login, may_send_password, own_origin
from portal.catalog.sources import Source
from portal.catalog.text import TextError, limited
from portal.catalog.values import Values, as_list, as_mapping
from portal.domain.charts import ChartEntry, ChartVersion, version_order

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
MAX_JSON = 1024 * 1024
MAX_PAGES = 20

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_BEARER = re.compile(r"(?i)\bbearer\s+(.*)", re.DOTALL)
_BASIC = re.compile(r"(?i)\bbasic\b")
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class Registry(Struct, frozen=True):
    """A stateless client for one source of kind ``oci``; anonymous where ``login`` is None."""

    source: Source
    fetch: Fetch
    login: Login | None = None

    async def chart(self, name: str, before: ChartEntry | None = None) -> ChartEntry:
        """A chart with its versions, and the metadata of the newest one.

        Metadata of other versions is taken from ``before``, since tags rarely move.

        Raises:
            FetchError: the registry does not answer, or does not have the chart.
        """
        tags = await self._tags(name)
        # Helm writes the "+" of a version as "_", which a tag may hold.
        versions = [tag.replace("_", "+") for tag in tags]
        known = [each for each in versions if version_order(each)[0]]
        if not known:
            raise FetchError(f"There is no version of {name}.")
        earlier = {each.version: each for each in before.versions} if before else {}
        versions = newest_first(earlier.get(each) or ChartVersion(each) for each in known)
        newest = await self.version(name, ChartEntry(name, versions).newest.version)
        return ChartEntry(
            name,
            tuple(newest if each.version == newest.version else each for each in versions),
        )

    async def version(self, name: str, version: str) -> ChartVersion:
        """One version with its metadata. Raises ``FetchError``."""
        manifest = await self._manifest(name, version)
        config = as_mapping(manifest.get("config"))
        if config.get("mediaType") != CONFIG:
            raise FetchError(f"{name} {version} is not a Helm chart.")
        return chart_version(_json(await self._blob(name, config, MAX_JSON)), version=version)

    async def pull(self, name: str, version: str) -> bytes:
        """The archive of one version, checked against its digest. Raises ``FetchError``."""
        manifest = await self._manifest(name, version)
        for layer in as_list(manifest.get("layers"))[:10]:
            if as_mapping(layer).get("mediaType") == CONTENT:
                return await self._blob(name, as_mapping(layer), MAX_PACKED)
        raise FetchError(f"{name} {version} is not a Helm chart.")

    async def _tags(self, name: str) -> list[str]:
        found: list[str] = []
        path = f"{self._base(name)}/tags/list?n=1000"
        for _ in range(MAX_PAGES):
            answer = await self._get(path, MAX_JSON)
            listed = as_list(_json(answer.body).get("tags"))
            found += [each[:128] for each in listed if isinstance(each, str)]
            more = re.match(r'<([^>]+)>;\s*rel="next"', answer.headers.get("link", ""))
            if not more:
                break
            path = urljoin(path, more[1])
        return found

    async def _manifest(self, name: str, version: str) -> Values:
        tag = quote(version.replace("+", "_"), safe="")
        answer = await self._get(f"{self._base(name)}/manifests/{tag}", MAX_JSON, MANIFEST)
        return _json(answer.body)

    async def _blob(self, name: str, descriptor: Values, limit: int) -> bytes:
        digest = str(descriptor.get("digest"))
        if not _DIGEST.fullmatch(digest):
            raise FetchError("The registry names content without a SHA-256 digest.")
        body = (await self._get(f"{self._base(name)}/blobs/{digest}", limit)).body
        if f"sha256:{hashlib.sha256(body).hexdigest()}" != digest:
            raise FetchError("What the registry sent is not what its digest says.")
        return body

    def _base(self, name: str) -> str:
        scheme, host = own_origin(self.source)
        above = urlsplit(self.source.url).path.strip("/")
        path = "/".join(each for each in (above, name) if each)
        return f"{scheme}://{host}/v2/{quote(path)}"

    async def _get(self, url: str, limit: int, accept: str = "") -> Answer:
        headers = {"Accept": accept} if accept else {}
        hosts = self.source.allowed_hosts
        answer = await self.fetch(url, hosts=hosts, limit=limit, headers=headers)
        if answer.status == 401:
            headers["Authorization"] = await self._sign_in(answer)
            answer = await self.fetch(url, hosts=hosts, limit=limit, headers=headers)
        if answer.status in {401, 403}:
            raise FetchError(self._refused)
        if answer.status == 404:
            raise FetchError("The registry has no such chart or version.")
        if answer.status != 200:
            raise FetchError(f"The registry answers with status {answer.status}.")
        return answer

    @property
    def _refused(self) -> str:
        if self.login is None:
            return "The registry requires a sign-in, and the source names no credentials."
        return "The registry does not accept the source's user name and password for this."

    async def _sign_in(self, refused: Answer) -> str:
        """The ``Authorization`` header for a registry's challenge: a token or the password."""
        challenge = refused.headers.get("www-authenticate", "")
        bearer = _BEARER.search(challenge)
        if bearer is not None:
            return f"Bearer {await self._token(dict(_CHALLENGE.findall(bearer[1])))}"
        if self.login is None or not _BASIC.search(challenge):
            raise FetchError(self._refused)
        return self.login.basic

    async def _token(self, challenge: dict[str, str]) -> str:
        """A token from the challenge's realm; an anonymous one where there is no login.

        Raises:
            FetchError: no token, or the password may not be sent to the realm.
        """
        realm = challenge.get("realm", "")
        query = {name: challenge[name] for name in ("service", "scope") if name in challenge}
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query)}"
        hosts = self.source.allowed_hosts
        check_host(url, hosts)
        headers: dict[str, str] = {}
        if self.login is not None:
            if not may_send_password(self.source, url):
                raise FetchError(
                    f"It gives out tokens at {'://'.join(origin(url))[:100]}. If the password may "
                    "go there, name that host as the source's token_host."
                )
            headers["Authorization"] = self.login.basic
        answer = await self.fetch(url, hosts=hosts, limit=MAX_JSON, headers=headers)
        body = _json(answer.body) if answer.status == 200 else {}
        token = body.get("token") or body.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise FetchError(self._refused)
        return token


def _json(body: bytes) -> Values:
    try:
        return as_mapping(limited(json.loads(body)))
    except (ValueError, RecursionError, TextError):
        raise FetchError("The registry answers with something that is not JSON.") from None
