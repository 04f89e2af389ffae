from __future__ import annotations

from msgspec.structs import replace

from portal.domain.keys import LAUNCHED_BY, Key
from portal.domain.operations import Operation, OperationPhase, Step
from portal.domain.release import ReleaseRevision
from portal.releases.upgrade import UPGRADE
from portal.state.assemble import nothing
from portal.state.timeline import Entry, EntryKind, Timeline
from portal.viewmodels.app import app_version, launched_by
from portal.viewmodels.timeline import timeline_view
from portal.viewmodels.withheld import without_values
from tests.unit.viewmodels.make import NOW, container, pod

KEY = Key("apps", "demo")
SECRET = "never-to-be-seen"


def test_what_everybody_sees_has_no_words_of_the_apps_own() -> None:
    values = {
        "image": {"repository": "r", "tag": "1.2", "auth": SECRET},
        "greeting": SECRET,
        "commonAnnotations": {LAUNCHED_BY: "ann", "note": SECRET},
    }
    state = replace(
        nothing(KEY),
        detail=ReleaseRevision(
            KEY, 1, chart="dash-app", values=values, notes=SECRET, description=SECRET
        ),
        operation=Operation(
            "op",
            KEY,
            UPGRADE,
            "ann",
            OperationPhase.FAILED,
            NOW,
            NOW,
            steps=(Step("Run helm", NOW, NOW, SECRET),),
            error=SECRET,
            advice=SECRET,
            fields={"env": SECRET},
            description=SECRET,
        ),
        pods=(pod(containers=(container(last_message=SECRET),)),),
        timeline=Timeline(
            NOW, (Entry("revision/u/1", EntryKind.CHANGE, NOW, detail=SECRET, actor="ann", new=1),)
        ),
    )
    shown = without_values(state)
    assert SECRET in str(state)
    assert SECRET not in str(shown)
    assert (launched_by(shown), app_version(shown)) == ("ann", "1.2")
    assert shown.operation is not None
    assert shown.operation.phase is OperationPhase.FAILED


def test_nothing_is_made_of_nothing() -> None:
    assert without_values(nothing(KEY)) == nothing(KEY)


def test_what_is_shown_of_a_timeline_is_made_once_for_all_viewers() -> None:
    entry = Entry("revision/u/1", EntryKind.CHANGE, NOW, detail=SECRET, actor="ann", new=1)
    state = replace(nothing(KEY), timeline=Timeline(NOW, (entry,)))
    first, second = without_values(state), without_values(replace(state, pods=(pod(),)))
    assert first.timeline is second.timeline
    assert timeline_view(first) is timeline_view(second)
