"""The settings of the webhook."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from portal.notifications.webhook import webhook_problem
from portal.settings.part import PREFIX, Part, SettingsError


class WebhookSettings(Part):
    """The settings of the webhook."""

    webhook_url_file: Annotated[
        Path | None,
        Field(
            description="File with the address of a webhook that is told of operations that have "
            "ended and of apps that need attention, as JSON that Slack and others take. The "
            "address is a secret: it is never logged. Empty: no webhook."
        ),
    ] = None
    webhook_allow_http: Annotated[
        bool, Field(description="Allow an address of the webhook without TLS (`http://`).")
    ] = False

    def webhook_url(self) -> str:
        """Read the address of the webhook; "" if there is none.

        Raises:
            SettingsError: the file cannot be read or does not hold an address that is allowed. The
                message does not quote it.
        """
        if self.webhook_url_file is None:
            return ""
        name = f"{PREFIX}WEBHOOK_URL_FILE"
        try:
            url = self.webhook_url_file.read_text().strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{name}: {type(error).__name__}: it cannot be read.") from None
        if problem := webhook_problem(url, allow_http=self.webhook_allow_http):
            raise SettingsError(f"{name}: {problem}")
        return url
