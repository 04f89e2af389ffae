"""The panel that tells of an image while the launch form is filled in."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from msgspec.structs import replace
from starlette.testclient import TestClient

from portal.domain.errors import Forbidden, InvalidInput, PortalError
from portal.domain.identity import Identity
from portal.images.report import (
    Existence,
    ExposedPort,
    ImageConfig,
    ImageReport,
    NeededVariable,
    Part,
    Problem,
    Tags,
)
from portal.registry.failure import Failure
from portal.ui import ids
from portal.ui.build import build_ui
from portal.ui.context import UiContext
from portal.ui.launch.image import MAX_KEPT, Asked, kept, look_up, read_asked, report_for
from portal.ui.router import page_for
from portal.ui.routes import Page, Route
from tests.unit.images.make import report
from tests.unit.ui.fakes import ADA, context
from tests.unit.ui.test_components import text, walk
from tests.unit.ui.test_pages import Browser
from tests.unit.ui.test_scripts import NODE, run

needs_node = pytest.mark.skipif(NODE is None, reason="needs Node.js")

REPOSITORY = "registry.example.com/team/app"
ASKED = Asked(REPOSITORY, "1.0", "apps")
AS_ROOT = ImageConfig(
    command=("serve",), ports=(ExposedPort(9000),), needed=(NeededVariable("API_KEY"),)
)
FOUND = replace(
    report(AS_ROOT), exists=Existence.YES, tags=Tags(tuple(f"1.{n}" for n in range(30, -1, -1)))
)


class Registry:
    """Answers with what it is told, and remembers what it was asked."""

    def __init__(self, answer: ImageReport | PortalError = FOUND) -> None:
        self.answer = answer
        self.asked: list[tuple[Identity, str, str, tuple[str, ...]]] = []

    async def __call__(
        self,
        identity: Identity,
        reference: str,
        namespace: str,
        pull_secrets: Sequence[str] = (),
    ) -> ImageReport:
        self.asked.append((identity, reference, namespace, tuple(pull_secrets)))
        if isinstance(self.answer, PortalError):
            raise self.answer
        return self.answer


def having(registry: Registry) -> UiContext:
    return replace(context()[0], inspect_image=registry)


def page_key(asked: Asked) -> str:
    """The text that the page's script writes."""
    return json.dumps([asked.repository, asked.tag, asked.namespace])


def buttons(panel: Any) -> dict[str, dict[str, Any]]:
    """The fields that each button fills in, by its words."""
    return {
        text(each): json.loads(filled)
        for each in walk(panel)
        if (filled := getattr(each, "data-fill", None))
    }


async def test_the_registry_is_asked_for_who_asks_and_the_image_of_the_form() -> None:
    registry = Registry()
    answer = await look_up(having(registry), ASKED)
    assert registry.asked == [(ADA, f"{REPOSITORY}:1.0", "apps", ())]
    assert answer.report == FOUND
    assert answer.tags[0] == "1.30"
    shown = text(answer.panel)
    assert "The registry has this image." in shown
    filled = buttons(answer.panel)
    assert filled["Pin this digest"] == {"launch-tag": "sha256:" + "a" * 64}
    assert filled["1.30"] == {"launch-tag": "1.30"}
    assert filled["1.0"] == {"launch-tag": "1.0"}


async def test_digests_and_pull_secrets_are_asked_for_as_such() -> None:
    registry = Registry()
    digest = "sha256:" + "b" * 64
    await look_up(having(registry), Asked(REPOSITORY, digest, "apps", "one\ntwo"))
    assert registry.asked == [(ADA, f"{REPOSITORY}@{digest}", "apps", ("one", "two"))]


async def test_without_a_tag_there_are_tags_to_choose_from() -> None:
    registry = Registry(ImageReport(REPOSITORY, "", Existence.YES, tags=Tags(("2.0",))))
    answer = await look_up(having(registry), Asked(REPOSITORY, "", "apps"))
    assert registry.asked[0][1] == REPOSITORY
    assert buttons(answer.panel)["2.0"] == {"launch-tag": "2.0"}


@pytest.mark.parametrize(
    "asked",
    [
        Asked(),
        Asked("", "1.0", "apps"),
        Asked("Team/App", "1.0", "apps"),
        Asked(f"https://{REPOSITORY}", "1.0", "apps"),
        Asked(REPOSITORY, "a b", "apps"),
        Asked(REPOSITORY, "1.0", "elsewhere"),
        Asked(REPOSITORY, "1.0", "No namespace"),
        Asked("docker.io/library/nginx", "1.0", "apps"),
    ],
)
async def test_no_registry_is_asked_while_a_field_is_refused(asked: Asked) -> None:
    registry = Registry()
    ui = having(registry)
    ui = replace(ui, forms=replace(ui.forms, images=("registry.example.com/*",)))
    answer = await look_up(ui, asked)
    assert registry.asked == []
    assert answer.report is None
    assert "once the image's name is complete" in text(answer.panel)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (InvalidInput({"pull_secrets": "“x y” is no name of a Secret."}), "no name of a Secret"),
        (Forbidden("You may not launch there.", "Ask somebody."), "You may not launch there."),
    ],
)
async def test_what_is_refused_is_said_in_the_panel(error: PortalError, words: str) -> None:
    answer = await look_up(having(Registry(error)), ASKED)
    assert words in text(answer.panel)
    assert answer.report is None


async def test_a_registry_that_fails_is_told_of_with_a_way_to_ask_again() -> None:
    problem = Problem(Part.IMAGE, Failure.TIMEOUT, "It did not answer.", "Try again.")
    unknown = replace(FOUND, exists=Existence.UNKNOWN, image=None, problems=(problem,))
    answer = await look_up(having(Registry(unknown)), ASKED)
    assert "It did not answer." in text(answer.panel)
    assert "Try again." in text(answer.panel)
    assert any(getattr(each, "data-look-again", None) is not None for each in walk(answer.panel))


def form(ui: UiContext, **contents: object) -> dict[str, object]:
    own = {"name": "iris", "repository": REPOSITORY, "tag": "1.0", "namespace": "apps"}
    return ui.forms.defaults() | {"port": 8050} | own | contents


def answered(found: ImageReport | None = FOUND, asked: Asked = ASKED) -> dict[str, str]:
    return {"asked": page_key(asked), "report": kept(found)}


def test_the_form_knows_what_the_page_has_kept_of_its_image() -> None:
    raw = form(context()[0])
    again = report_for(answered(), raw)
    assert again
    assert again.config == AS_ROOT
    assert again.image == FOUND.image
    assert again.tags is None


@pytest.mark.parametrize(
    "answer",
    [
        None,
        {},
        answered(None),
        answered(asked=Asked(REPOSITORY, "1.1", "apps")),
        answered(asked=Asked(REPOSITORY, "1.0", "default")),
        {"asked": page_key(ASKED), "report": "{"},
        {"asked": page_key(ASKED), "report": '{"repository": 1}'},
        {"asked": "[", "report": kept(FOUND)},
    ],
)
def test_a_late_answer_and_one_that_cannot_be_read_count_for_nothing(answer: object) -> None:
    assert report_for(answer, form(context()[0])) is None


def test_what_an_image_says_at_length_is_not_kept() -> None:
    long = ImageConfig(command=tuple("x" * 500 for _ in range(200)))
    assert kept(report(long)) == ""
    assert len(kept(FOUND)) < MAX_KEPT


def test_a_page_that_asks_for_nonsense_asks_for_nothing() -> None:
    for asked in ("", "{}", "[1]", "[[]]", "null"):
        assert read_asked(asked) == Asked()


def check(client: TestClient, raw: dict[str, object], **props: object) -> Any:
    """The answer of the form's check."""
    values: dict[str, object] = {f"{ids.launch(name)}.value": each for name, each in raw.items()}
    values |= {"launch-target_cpu-on.value": True, "launch-target_memory-on.value": False}
    values |= {f"{ids.LAUNCH_IMAGE_FOUND}.data": answered()}
    values |= {each.replace("__", "."): value for each, value in props.items()}
    return Browser(client).ask(ids.LAUNCH_VALUES, values, f"{ids.LAUNCH_IMAGE_FOUND}.data")


def test_advice_stands_beside_its_field_and_blocks_nothing() -> None:
    ui = having(Registry())
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        found = check(client, form(ui)).json()["response"]
        for field, words in (
            ("repository", "made to run as root"),
            ("port", "listen on 9000, not on 8050"),
            ("env", "API_KEY"),
        ):
            note = json.dumps(found[ids.launch_note(field)])
            assert words in note
            assert '"data-kind": "warning"' in note
        assert found[ids.LAUNCH_SUBMIT]["disabled"] is False
        offer = json.dumps(found[ids.LAUNCH_IMAGE_OFFER])
        assert "Use port 9000" in offer


def test_advice_joins_the_forms_own_warnings_and_leaves_errors() -> None:
    ui = having(Registry())
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        both = check(client, form(ui, env="DB_PASSWORD=x")).json()["response"]
        note = json.dumps(both[ids.launch_note("env")])
        assert "looks like a secret" in note
        assert "API_KEY" in note
        wrong = check(client, form(ui, env="no")).json()["response"]
        note = json.dumps(wrong[ids.launch_note("env")])
        assert '"data-kind": "error"' in note
        assert "API_KEY" not in note


def test_of_another_image_nothing_is_said() -> None:
    ui = having(Registry())
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        found = check(client, form(ui, tag="1.1")).json()["response"]
        assert found[ids.launch_note("repository")]["children"] is None
        assert "9000" not in json.dumps(found[ids.LAUNCH_IMAGE_OFFER])


def test_made_with_offers_settings_without_an_image() -> None:
    ui = having(Registry())
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        props: dict[str, object] = {f"{ids.LAUNCH_MADE_WITH}__value": "Streamlit"}
        props[f"{ids.LAUNCH_IMAGE_FOUND}__data"] = None
        found = check(client, form(ui), **props).json()["response"]
        offer = json.dumps(found[ids.LAUNCH_IMAGE_OFFER])
        assert "Use its settings" in offer
        assert "8501" in offer


@pytest.mark.parametrize("found", ["text", {"asked": 1, "report": ""}, {"asked": ""}, [1]])
def test_what_no_page_keeps_is_refused(found: object) -> None:
    ui = having(Registry())
    server = FastAPI()
    build_ui(server, ui)
    with TestClient(server) as client:
        props: dict[str, object] = {f"{ids.LAUNCH_IMAGE_FOUND}__data": found}
        assert check(client, form(ui), **props).status_code == 400


def test_the_look_up_through_the_built_page() -> None:
    registry = Registry()
    server = FastAPI()
    build_ui(server, having(registry))
    asked = {f"{ids.LAUNCH_IMAGE_ASKED}.data": page_key(ASKED)}
    with TestClient(server) as client:
        found = Browser(client).call(
            f"{ids.LAUNCH_IMAGE_ANSWER}.data", asked, f"{ids.LAUNCH_IMAGE_ASKED}.data"
        )
    assert "The registry has this image." in json.dumps(found[ids.LAUNCH_IMAGE])
    assert found[ids.LAUNCH_IMAGE_ANSWER]["data"]["asked"] == page_key(ASKED)
    assert len(found[ids.LAUNCH_TAGS]["children"]) == 31


def test_no_callback_waits_for_a_registry_but_the_panels_own() -> None:
    server = FastAPI()
    build_ui(server, having(Registry()))
    with TestClient(server) as client:
        callbacks = client.get("/_dash-dependencies").json()
    slow = next(each for each in callbacks if f"{ids.LAUNCH_IMAGE_ANSWER}.data" in each["output"])
    outputs = set(slow["output"].strip(".").split("..."))
    waiting = [
        each["output"]
        for each in callbacks
        if outputs & {f"{one['id']}.{one['property']}" for one in each["inputs"]}
    ]
    assert len(waiting) == 1
    assert waiting[0].startswith(ids.LAUNCH_IMAGE_PANEL)


async def test_the_page_has_the_panel_and_suggests_tags() -> None:
    page = await page_for(context()[0], Route(Page.LAUNCH), ADA)
    found = {str(getattr(each, "id", "")): each for each in walk(page)}
    assert found[ids.launch("tag")].list == ids.LAUNCH_TAGS
    assert {ids.LAUNCH_IMAGE, ids.LAUNCH_IMAGE_OFFER, ids.LAUNCH_MADE_WITH} <= found.keys()


SCRIPT = """
const props = {};
const sent = [];
let click, later;
document.getElementById = () => ({});
document.addEventListener = (name, listener) => (click = listener);
globalThis.setTimeout = (action) => ((later = action), 1);
globalThis.clearTimeout = () => (later = undefined);
window.dash_component_api = { getLayout: (id) => ({ props: props[id] ?? {} }) };
window.dash_clientside = {
  set_props: (id, given) => (sent.push([id, given]), (props[id] = { ...props[id], ...given })),
};
const press = (dataset, waiting = null) => {
  const button = { dataset, closest: () => waiting };
  click({ target: { closest: (what) => (what === "[data-fill]" ? button : null) } });
};
"""


@needs_node
def test_a_late_answer_for_another_text_is_dropped() -> None:
    after = """(() => {
      const { imageTyped, imageAnswered } = window.dash_clientside.portal;
      const typed = [imageTyped("a", " 1 ", "apps")];
      later();
      typed.push(imageTyped("a", "2", "apps"));
      const late = imageAnswered({ asked: '["a","1","apps"]', report: "one" });
      later();
      const now = imageAnswered({ asked: '["a","2","apps"]', report: "two" });
      return { typed, late, now, sent };
    })()"""
    found = run("web/image.js", SCRIPT, after)
    assert found["typed"] == ["image-panel waiting"] * 2
    assert found["late"] == "image-panel waiting"
    assert found["now"] == "image-panel"
    assert found["sent"] == [
        ["launch-image-asked", {"data": '["a","1","apps"]'}],
        ["launch-image-found", {"data": None}],
        ["launch-image-asked", {"data": '["a","2","apps"]'}],
        ["launch-image-found", {"data": {"asked": '["a","2","apps"]', "report": "two"}}],
    ]


@needs_node
def test_the_registry_is_asked_when_typing_stops_and_once_for_a_text() -> None:
    after = """(() => {
      const { imageTyped } = window.dash_clientside.portal;
      for (const each of ["a", "ap", "app"]) imageTyped(each, "1", "apps");
      later();
      imageTyped("app", "1", "apps");
      later();
      return sent;
    })()"""
    assert run("web/image.js", SCRIPT, after) == [
        ["launch-image-asked", {"data": '["app","1","apps"]'}]
    ]


@needs_node
def test_what_python_reads_is_what_the_script_writes() -> None:
    after = '(window.dash_clientside.portal.imageTyped("a", null, "apps"), later(), sent[0][1])'
    assert read_asked(run("web/image.js", SCRIPT, after)["data"]) == Asked("a", "", "apps")


@needs_node
def test_buttons_fill_in_fields_and_add_lines_that_are_missing() -> None:
    fill = {"launch-port": "8501", "launch-env": ["A=9", "B=2"]}
    after = f"""(() => {{
      props["launch-env"] = {{ value: "A=1\\n\\nC=3\\n" }};
      press({{ fill: {json.dumps(json.dumps(fill))} }});
      return sent;
    }})()"""
    assert run("web/image.js", SCRIPT, after) == [
        ["launch-port", {"value": "8501"}],
        ["launch-env", {"value": "A=1\nC=3\nB=2"}],
    ]


@needs_node
def test_nothing_is_filled_in_from_what_was_known_of_another_image() -> None:
    fill = json.dumps(json.dumps({"launch-tag": "sha256:1"}))
    assert run("web/image.js", SCRIPT, f"(press({{ fill: {fill} }}, {{}}), sent)") == []


@pytest.mark.parametrize("given", ["", "no JSON", "\ud800", "[1]"])
def test_what_no_page_asks_for_is_nothing(given: str) -> None:
    assert read_asked(given) == Asked()
    assert report_for({"asked": given, "report": given or "x"}, {}) is None
