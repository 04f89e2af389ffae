"""The settings of what is kept, of where numbers are read, and of the log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from portal.database.address import database_problem
from portal.prometheus.client import prometheus_problem
from portal.settings.part import PREFIX, Part, SettingsError


class StorageSettings(Part):
    """The settings of what is kept, of where numbers are read, and of the log."""

    database: Annotated[
        str,
        Field(
            description="URL of the portal's database, in SQLAlchemy's form: "
            "`sqlite:////data/portal.db`, a file on a volume of one portal's own, or "
            "`postgresql://user@host:5432/name`. Empty: no database, see "
            "`DASH_PORTAL_DATABASE_FILE`.",
            repr=False,
        ),
    ] = ""
    database_file: Annotated[
        Path | None,
        Field(
            description="File with that URL, for one with a password, which is never logged. Not "
            "together with `DASH_PORTAL_DATABASE`."
        ),
    ] = None
    audit_log: Annotated[
        bool,
        Field(
            description="Write each entry of the audit trail to the log as well, a line at any log "
            "level. Without a database that is the only place, and cannot be switched off."
        ),
    ] = True
    history_days: Annotated[
        int,
        Field(
            ge=1,
            le=400,
            description="Days for which the database keeps the history of apps, removed ones too.",
        ),
    ] = 30
    prometheus_url: Annotated[
        str,
        Field(
            description="Address of a Prometheus that is read for longer ranges of an app's chart "
            "than the portal has itself, such as `http://prometheus.monitoring.svc:9090`; what "
            "stands before `/api/v1` may have a path. Empty: none.",
            repr=False,
        ),
    ] = ""
    prometheus_token_file: Annotated[
        Path | None,
        Field(
            description="File with a bearer token for Prometheus, read for each query. The address "
            "then has to be `https://`."
        ),
    ] = None
    prometheus_ca_file: Annotated[
        Path | None,
        Field(description="File with further certificate authorities for Prometheus, in PEM."),
    ] = None
    metrics_interval: Annotated[
        float,
        Field(
            ge=1,
            description="Seconds between two reads of the metrics API, or a little more or less: "
            "it is read just after it has new samples.",
        ),
    ] = 10.0
    log_format: Annotated[Literal["json", "text"], Field(description="Form of the log lines.")] = (
        "json"
    )
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"],
        Field(description="Lowest level that is logged."),
    ] = "INFO"

    def prometheus(self) -> str:
        """Return the address of Prometheus; "" if there is none.

        Raises:
            SettingsError: it is wrong, or there is a token without it.
        """
        url, token = self.prometheus_url.strip(), self.prometheus_token_file is not None
        if not url:
            if token:
                raise SettingsError(f"{PREFIX}PROMETHEUS_TOKEN_FILE: set {PREFIX}PROMETHEUS_URL.")
            return ""
        if problem := prometheus_problem(url, token=token):
            raise SettingsError(f"{PREFIX}PROMETHEUS_URL: {problem}")
        return url

    def database_url(self) -> str:
        """Read the URL of the database; "" if there is none.

        Raises:
            SettingsError: the file cannot be read, or the URL is wrong. The message does not quote
                it.
        """
        name, url = f"{PREFIX}DATABASE", self.database
        if self.database_file is not None:
            name = f"{PREFIX}DATABASE_FILE"
            if url:
                raise SettingsError(f"{name}: set either this or {PREFIX}DATABASE.")
            try:
                url = self.database_file.read_text().strip()
            except (OSError, UnicodeDecodeError) as error:
                raise SettingsError(f"{name}: {type(error).__name__}: it cannot be read.") from None
        elif not url:
            return ""
        if problem := database_problem(url):
            raise SettingsError(f"{name}: {problem}")
        return url
