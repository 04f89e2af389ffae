"""The settings of what people may do with apps, and of how much of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from portal.domain.limits import LIMITS, Limits
from portal.settings.part import Part


class ActionSettings(Part):
    """The settings of what people may do with apps, and of how much of it."""

    allow_logs: Annotated[
        bool,
        Field(
            description="Show the logs of an app's containers to those who may change the app. "
            "Needs `get` on `pods/log`."
        ),
    ] = True
    allow_exec: Annotated[
        bool,
        Field(
            description="Allow those who may change an app to run commands in its pods: the page "
            "of a pod's processes does so, and a shell if that is switched on too."
        ),
    ] = False
    shell: Annotated[
        bool,
        Field(
            description="Offer a shell in the browser, in the containers of apps, to those who may "
            "run commands there. Needs `DASH_PORTAL_ALLOW_EXEC`."
        ),
    ] = False
    shell_image: Annotated[
        str,
        Field(
            description="Image of debug containers, for shells beside containers whose image has "
            "none; it has to have a shell and `sleep`. Empty: none are offered."
        ),
    ] = ""
    shell_idle: Annotated[
        float, Field(gt=0, description="Seconds without a key after which a shell is closed.")
    ] = 900.0
    shell_longest: Annotated[
        float, Field(gt=0, description="Seconds after which a shell is closed in any case.")
    ] = 4 * 3600.0
    load_test_image: Annotated[
        str,
        Field(
            description="Image of load tests, made from `load-test/`. Those who may change an app "
            "may then send requests to its Services, from a Job in its namespace. Needs `create` "
            "and `patch` on `jobs`, and `get` on `pods/log`. Empty: there are no load tests."
        ),
    ] = ""
    load_test_rate: Annotated[
        int, Field(ge=1, le=5000, description="The most requests a second of a load test.")
    ] = 200
    load_test_seconds: Annotated[
        int, Field(ge=1, le=3600, description="The most seconds that a load test lasts.")
    ] = 300
    load_test_minutes: Annotated[
        int,
        Field(ge=1, description="The most minutes of load tests that a person has in a day."),
    ] = 30
    limits_operations: Annotated[
        int,
        Field(
            ge=0,
            description="Operations of one person that may be queued or running at once, in all "
            "portal pods together; those that only wait for their pods do not count. 0: no limit, "
            "as for all `DASH_PORTAL_LIMITS_*`, which do not apply in the mode `none`.",
        ),
    ] = LIMITS.operations.most
    limits_apps: Annotated[
        int,
        Field(
            ge=0,
            description="Apps that one person may own at a time, in all namespaces, those that "
            "were handed over to them included. Apps beyond that stay, and can be changed.",
        ),
    ] = LIMITS.apps.most
    limits_tabs: Annotated[
        int, Field(ge=0, description="Browser tabs of one person that are live, in each pod.")
    ] = LIMITS.tabs.most
    limits_logs: Annotated[
        int, Field(ge=0, description="Logs that one person follows at once, in each pod.")
    ] = LIMITS.logs.most
    limits_downloads: Annotated[
        int, Field(ge=0, description="Logs that one person downloads at once, in each pod.")
    ] = LIMITS.downloads.most
    limits_shells: Annotated[
        int, Field(ge=0, description="Shells of one person that are open at once, in each pod.")
    ] = LIMITS.shells.most
    limits_requests: Annotated[
        int,
        Field(
            ge=0,
            description="Requests of one person that each pod answers in a second, over time; "
            "four times as many at once. Further ones wait for that person's earlier ones, and are "
            "refused (429) when 200 wait.",
        ),
    ] = int(LIMITS.requests.most)
    share_links: Annotated[
        bool,
        Field(
            description="Let those who may share an app make links that show it read-only, without "
            "a sign-in, to whoever has the link, until it expires or is revoked. Needs a database, "
            "and people who sign in."
        ),
    ] = False

    def limits(self) -> Limits:
        """The limits of one person."""
        return LIMITS.with_most(
            operations=self.limits_operations,
            apps=self.limits_apps,
            tabs=self.limits_tabs,
            logs=self.limits_logs,
            downloads=self.limits_downloads,
            shells=self.limits_shells,
            requests=self.limits_requests,
        )
