"""The view of an image that is about to be launched."""

from __future__ import annotations

from msgspec.structs import replace

from portal.images.framework_table import Framework
from portal.images.report import (
    Existence,
    ExposedPort,
    Healthcheck,
    ImageConfig,
    ImageReport,
    NeededVariable,
    Part,
    Problem,
    Tags,
)
from portal.registry.failure import Failure
from portal.viewmodels.image import FIRST_TAGS, MADE_WITH, form_view, image_view
from portal.viewmodels.model import Severity
from tests.unit.images.make import AMD64, ARM64, report
from tests.unit.images.test_launch_form import RUNS_STREAMLIT, form

NAME = "registry.example.com/team/app"


def there(config: ImageConfig | None = None, tag: str = "1.0") -> ImageReport:
    return replace(report(config, tag=tag), exists=Existence.YES)


def unknown(failure: Failure, part: Part = Part.IMAGE) -> ImageReport:
    return ImageReport(NAME, "1.0", problems=(Problem(part, failure, "It is so.", "Do this."),))


def test_an_image_that_is_there() -> None:
    view = image_view(there())
    assert view.said.severity is Severity.GOOD
    assert view.pin.startswith("sha256:aaaa")
    assert any("1000 bytes" in each for each in view.details)
    assert "linux/amd64, as the nodes" in view.details
    assert not view.incomplete
    assert view.problems == ()


def test_an_image_that_is_pinned_is_not_offered_to_be_pinned() -> None:
    assert image_view(there(tag="sha256:" + "a" * 64)).pin == ""


def test_platforms_that_the_nodes_do_not_have_are_not_said_to_fit() -> None:
    view = image_view(replace(report(platforms=(ARM64,), nodes=(AMD64,)), exists=Existence.YES))
    assert "linux/arm64" in view.details


def test_ten_tags_are_shown_and_the_rest_is_kept_for_later() -> None:
    names = tuple(f"1.{number}" for number in range(30, 0, -1))
    view = image_view(replace(there(), tags=Tags(names, left_out=7)))
    assert view.tags == names[:FIRST_TAGS]
    assert view.more_tags == names[FIRST_TAGS:]
    assert "7 tags more" in view.tags_note
    assert "lists no tags" in image_view(replace(there(), tags=Tags())).tags_note
    assert "than were read" in image_view(replace(there(), tags=Tags(("1",), 0, False))).tags_note


def test_an_image_that_is_missing_is_said_to_be_and_with_what_to_do() -> None:
    view = image_view(replace(unknown(Failure.NOT_FOUND), exists=Existence.NO))
    assert (view.said.severity, view.said.text, view.said.advice) == (
        Severity.BAD,
        "It is so.",
        "Do this.",
    )
    assert view.problems == ()
    assert not view.incomplete


def test_what_could_not_be_checked_is_quiet_unless_the_nodes_will_meet_it() -> None:
    assert image_view(unknown(Failure.TIMEOUT)).said.severity is Severity.QUIET
    assert image_view(unknown(Failure.SIGN_IN)).said.severity is Severity.WARN
    assert image_view(unknown(Failure.TIMEOUT)).incomplete


def test_a_part_that_could_not_be_checked_stands_beside_what_was_found() -> None:
    part = unknown(Failure.TIMEOUT, Part.TAGS).problems
    view = image_view(replace(there(), problems=part))
    assert view.said.severity is Severity.GOOD
    assert [each.text for each in view.problems] == ["It is so."]


def test_without_a_tag_one_is_to_be_chosen() -> None:
    found = ImageReport(NAME, "", exists=Existence.YES, tags=Tags(("2.0", "1.0")))
    assert "choose a tag" in image_view(found).said.text


def test_what_an_image_says_of_itself() -> None:
    config = ImageConfig(
        entry_point=("/bin/sh", "-c"),
        command=("serve it",),
        working_folder="/app",
        ports=(ExposedPort(8501), ExposedPort(53, "udp")),
        volumes=("/data",),
        needed=(NeededVariable("API_KEY", "from the team"),),
        healthcheck=Healthcheck(("CMD", "true")),
        created="2026-10-02T10:00:00Z",
    )
    facts = {each.label: each for each in image_view(there(config)).facts}
    assert facts["Ports exposed"].value == "8501/tcp and 53/udp"
    assert "8501" in facts["Ports exposed"].note
    assert facts["User"].value == "root"
    assert "1001" in facts["User"].note
    assert "belong to root" in facts["User"].note
    assert facts["Entry point"].value == "/bin/sh -c"
    assert facts["Command"].value == "'serve it'"
    assert facts["Working folder"].value == "/app"
    assert "ends with the pod" in facts["Volumes"].note
    assert facts["Variables it asks for"].value == "API_KEY (from the team)"
    assert facts["Built"].value == "2026-10-02"


def test_users_in_the_panel() -> None:
    def note(user: str) -> str:
        found = image_view(there(ImageConfig(user=user))).facts
        return next(each.note for each in found if each.label == "User")

    assert note("1001") == ""
    assert "1001 instead" in note("app")
    assert "root" not in note("1000")


def test_an_image_without_a_command_is_said_to_have_none() -> None:
    facts = {each.label: each for each in image_view(there(ImageConfig())).facts}
    assert facts["Command"].value == "none"


def test_what_is_recognised_is_offered_with_what_it_sets() -> None:
    view = form_view(there(RUNS_STREAMLIT), form())
    assert view.offer
    assert view.offer.said == "Looks like Streamlit: its command runs streamlit."
    assert {"port", "session_affinity"} <= {each.field for each in view.offer.sets}
    assert view.port is None, "the offer sets it"
    notes = {each.label: each for each in view.offer.notes}
    assert "one pod" in notes["Session affinity"].note
    assert "STREAMLIT_SERVER_BASE_URL_PATH" in notes["Base path"].value


def test_a_hint_is_told_from_a_sign() -> None:
    view = form_view(replace(there(), repository="docker.io/library/nginx"), form())
    assert view.offer
    assert view.offer.said == "May be a web server: its name has “nginx”."


def test_what_somebody_knows_counts_more_and_needs_no_report() -> None:
    chosen = form_view(there(RUNS_STREAMLIT), form(), Framework.JUPYTER.value)
    assert chosen.offer
    assert "Jupyter" in chosen.offer.said
    assert form_view(None, form(), Framework.JUPYTER.value).offer
    assert form_view(None, form()).offer is None
    assert form_view(None, form(), "Fortran").offer is None


def test_every_framework_can_be_chosen() -> None:
    assert [value for value, _ in MADE_WITH[1:]] == [each.value for each in Framework]
    for value, label in MADE_WITH[1:]:
        assert form_view(None, form(), value).offer
        assert label[0].isupper()


def test_a_port_alone_is_offered_alone() -> None:
    view = form_view(there(ImageConfig(ports=(ExposedPort(9999),))), form())
    assert view.port
    assert view.port.to == "9999"
