"""Charts in an OCI registry, read by the OCI distribution protocol."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from urllib.parse import urlsplit

from msgspec import Struct

from portal.catalog.archive import MAX_PACKED
from portal.catalog.index import chart_version, newest_first
from portal.catalog.sign_in import may_send_password, own_origin
from portal.catalog.sources import Source
from portal.catalog.text import TextError, limited
from portal.catalog.values import Values, as_mapping
from portal.domain.charts import ChartEntry, ChartVersion, version_order
from portal.registry.auth import Reach
from portal.registry.credentials import Login
from portal.registry.failure import Failure, FetchError
from portal.registry.fetch import Fetch
from portal.registry.repository import Repository

CONFIG = "application/vnd.cncf.helm.config.v1+json"
CONTENT = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"

_NOT_ACCEPTED = "The registry does not accept the source's user name and password for this."
_WORDS = {
    Failure.SIGN_IN: "The registry requires a sign-in, and the source names no credentials.",
    Failure.WRONG_SIGN_IN: _NOT_ACCEPTED,
    Failure.NO_ACCESS: _NOT_ACCEPTED,
    Failure.NOT_FOUND: "The registry has no such chart or version.",
    Failure.TOKEN_HOST: "If the password may go there, name that host as the source's token_host.",
}


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
        with _in_words():
            tags = (await self._repository(name).tags()).names
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
        with _in_words():
            repository = self._repository(name)
            config = (await repository.manifest(_tag(version))).manifest.config
            if config is None or config.media_type != CONFIG:
                raise FetchError(f"{name} {version} is not a Helm chart.")
            body = await repository.blob(config)
        return chart_version(_json(body), version=version)

    async def pull(self, name: str, version: str) -> bytes:
        """The archive of one version, checked against its digest. Raises ``FetchError``."""
        with _in_words():
            repository = self._repository(name)
            manifest = (await repository.manifest(_tag(version))).manifest
            for layer in (manifest.layers or ())[:10]:
                if layer.media_type == CONTENT:
                    return await repository.blob(layer, MAX_PACKED)
        raise FetchError(f"{name} {version} is not a Helm chart.")

    def _repository(self, name: str) -> Repository:
        source = self.source
        above = urlsplit(source.url).path.strip("/")
        return Repository(
            "://".join(own_origin(source)),
            "/".join(each for each in (above, name) if each),
            self.fetch,
            Reach(source.allowed_hosts, lambda url: may_send_password(source, url)),
            (self.login,) if self.login else (),
        )


@contextmanager
def _in_words() -> Generator[None]:
    """Say what a registry's refusal means for a source of charts."""
    try:
        yield
    except FetchError as error:
        words = _WORDS.get(error.failure)
        if words is None:
            raise
        said = f"{error} {words}" if error.failure is Failure.TOKEN_HOST else words
        raise FetchError(said, error.failure, retry_after=error.retry_after) from None


def _tag(version: str) -> str:
    """The tag of a version: Helm writes its "+" as "_", which a tag may hold."""
    return version.replace("+", "_")


def _json(body: bytes) -> Values:
    try:
        return as_mapping(limited(json.loads(body)))
    except (ValueError, RecursionError, TextError):
        raise FetchError("The registry answers with something that is not JSON.") from None
