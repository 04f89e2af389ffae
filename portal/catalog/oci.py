"""Charts in an OCI registry: tags, manifests and blobs, by the distribution protocol."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from urllib.parse import quote, urlencode, urljoin, urlsplit

from portal.catalog.archive import MAX_PACKED
from portal.catalog.fetch import Answer, Fetch, FetchError
from portal.catalog.index import described, newest_first
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
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Registry:
    """One source of kind ``oci``, asked through ``fetch``. Nothing is kept here."""

    source: Source
    fetch: Fetch

    async def chart(self, name: str, before: ChartEntry | None = None) -> ChartEntry:
        """The versions of a chart, with what the newest says of itself.

        What was known ``before`` of others is kept: tags do not move, as a rule.

        Raises:
            FetchError: the registry cannot be asked, or does not have the chart.
        """
        tags = await self._tags(name)
        # Helm writes the "+" of a version as "_", which a tag may hold.
        versions = [tag.replace("_", "+") for tag in tags]
        known = [each for each in versions if version_order(each)[0]]
        if not known:
            raise FetchError(f"There is no version of {name}.")
        told = {each.version: each for each in before.versions} if before else {}
        versions = newest_first(told.get(each) or ChartVersion(each) for each in known)
        newest = await self.version(name, ChartEntry(name, versions).newest.version)
        return ChartEntry(
            name,
            tuple(newest if each.version == newest.version else each for each in versions),
        )

    async def version(self, name: str, version: str) -> ChartVersion:
        """What one version says of itself. Raises ``FetchError``."""
        manifest = await self._manifest(name, version)
        config = as_mapping(manifest.get("config"))
        if config.get("mediaType") != CONFIG:
            raise FetchError(f"{name} {version} is not a Helm chart.")
        return described(_json(await self._blob(name, config, MAX_JSON)), version=version)

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
        parts = urlsplit(self.source.url)
        scheme = "http" if self.source.plain_http else "https"
        path = "/".join(each for each in (parts.path.strip("/"), name) if each)
        return f"{scheme}://{parts.netloc}/v2/{quote(path)}"

    async def _get(self, url: str, limit: int, accept: str = "") -> Answer:
        headers = {"Accept": accept} if accept else {}
        hosts = self.source.allowed_hosts
        answer = await self.fetch(url, hosts=hosts, limit=limit, headers=headers)
        if answer.status == 401:
            headers["Authorization"] = f"Bearer {await self._token(answer)}"
            answer = await self.fetch(url, hosts=hosts, limit=limit, headers=headers)
        if answer.status == 404:
            raise FetchError("The registry has no such chart or version.")
        if answer.status != 200:
            raise FetchError(f"The registry answers with status {answer.status}.")
        return answer

    async def _token(self, refused: Answer) -> str:
        """A token for everybody, from where the registry says that there are some."""
        told = dict(_CHALLENGE.findall(refused.headers.get("www-authenticate", "")))
        realm = told.pop("realm", "")
        if not realm:
            raise FetchError("The registry wants a sign-in, which the portal has none for.")
        asked = {name: told[name] for name in ("service", "scope") if name in told}
        url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(asked)}"
        answer = await self.fetch(url, hosts=self.source.allowed_hosts, limit=MAX_JSON)
        given = _json(answer.body) if answer.status == 200 else {}
        token = given.get("token") or given.get("access_token")
        if not isinstance(token, str) or not token.isprintable():
            raise FetchError("The registry wants a sign-in, which the portal has none for.")
        return token


def _json(body: bytes) -> Values:
    try:
        return as_mapping(limited(json.loads(body)))
    except (ValueError, RecursionError, TextError):
        raise FetchError("The registry answers with something that is not JSON.") from None
