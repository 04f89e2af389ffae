"""Install: create a release."""

from __future__ import annotations

from portal.domain.operations import Verb
from portal.domain.permissions import Permission
from portal.releases.changes import RevisionAction

LAUNCH = Verb("launch", "launch", "launching", creates=True)


class Install(RevisionAction):
    """The installation of a release, planned by ``LaunchPlanner``."""

    verb = LAUNCH
    permission = Permission.LAUNCH
