"""The launch form, and a report on the image that is in it."""

from __future__ import annotations

import pytest

from portal.catalog.launch_fields import LAUNCH_FIELDS
from portal.domain import quantities
from portal.domain.names import parse_env, port_problem
from portal.images.framework_table import BY_FRAMEWORK, FRAMEWORKS, Framework
from portal.images.frameworks import SuggestedPort, recognized, suggested_port
from portal.images.launch_form import (
    Change,
    asked_for,
    base_path_warning,
    changes,
    port_change,
    warnings,
)
from portal.images.report import ExposedPort, ImageConfig, ImageReport, NeededVariable
from tests.unit.images.make import AMD64, ARM64, report

STREAMLIT = BY_FRAMEWORK[Framework.STREAMLIT]
RUNS_STREAMLIT = ImageConfig(command=("streamlit", "run", "app.py"), user="1001")


def form(**contents: object) -> dict[str, object]:
    return {each.name: each.default for each in LAUNCH_FIELDS} | contents


def contents(found: tuple[Change, ...]) -> dict[str, object]:
    return {each.field: each.lines or each.to for each in found}


def test_every_framework_has_settings_that_the_form_takes() -> None:
    assert [each.framework for each in FRAMEWORKS] == list(Framework)
    for each in FRAMEWORKS:
        assert not port_problem(each.port)
        assert quantities.parse(each.memory)
        assert each.why.endswith(".")
        assert each.health_path[:1] in {"", "/"}
        lines = "\n".join(f"{name}={value}" for name, value in each.environment.items())
        assert not parse_env(lines).error


def test_fields_at_their_defaults_are_filled_in() -> None:
    found = changes(STREAMLIT, report(RUNS_STREAMLIT), form(), asked_for(form()))
    assert contents(found.free) == contents(found.free) | {
        "port": "8501",
        "session_affinity": True,
        "memory_limit": "512Mi",
        "memory_request": "512Mi",
        "env": ("STREAMLIT_SERVER_HEADLESS=true",),
    }
    assert found.filled_in == ()


def test_what_somebody_has_filled_in_is_only_offered_to_be_replaced() -> None:
    raw = form(port="9000", memory_limit="300Mi", memory_request="300Mi", env="A=1")
    found = changes(STREAMLIT, report(RUNS_STREAMLIT), raw, asked_for(raw))
    assert contents(found.filled_in) == {
        "port": "8501",
        "memory_limit": "512Mi",
        "memory_request": "512Mi",
    }
    assert {each.field: each.now for each in found.filled_in}["port"] == "9000"
    assert contents(found.free)["env"] == ("STREAMLIT_SERVER_HEADLESS=true",)


@pytest.mark.parametrize("limit", ["512Mi", "1Gi", "", "much"])
def test_memory_that_is_enough_or_not_to_be_read_is_left(limit: str) -> None:
    found = changes(STREAMLIT, None, form(memory_limit=limit), asked_for(form(memory_limit=limit)))
    assert {"memory_limit", "memory_request"}.isdisjoint(contents(found.free + found.filled_in))


def test_a_size_that_was_chosen_says_how_much_memory_there_is() -> None:
    raw = form(size="S", memory_limit="128Mi")
    found = changes(STREAMLIT, None, raw, asked_for(raw))
    assert {"memory_limit", "memory_request"}.isdisjoint(contents(found.free + found.filled_in))


def test_the_settings_of_a_form_that_has_them_all_change_nothing() -> None:
    raw = form(
        port=8501, session_affinity=True, memory_limit="512Mi", health_path="/_stcore/health"
    )
    raw["env"] = "STREAMLIT_SERVER_HEADLESS=false"
    found = changes(STREAMLIT, report(RUNS_STREAMLIT), raw, asked_for(raw))
    assert (found.free, found.filled_in) == ((), ())


def port_of(image: ImageReport) -> SuggestedPort | None:
    return suggested_port(image, recognized(image))


def test_the_image_tells_its_port_better_than_its_framework() -> None:
    config = ImageConfig(command=("streamlit", "run", "a.py", "--server.port=9001"))
    found = changes(STREAMLIT, report(config), form(), asked_for(form()), port_of(report(config)))
    assert contents(found.free)["port"] == "9001"


def test_an_app_that_is_served_below_a_path_is_told_so() -> None:
    below = {"exposure": "Ingress", "hostname": "a.example.com", "base_path": "/sales/"}

    def found(framework: Framework, **more: object) -> dict[str, object]:
        settings, raw = BY_FRAMEWORK[framework], form(**below | more)
        made = contents(changes(settings, None, raw, asked_for(raw), None).free)
        words = base_path_warning(settings, None, raw).get("base_path", "")
        return {
            "health": made.get("health_path"),
            "told": [each for each in made.get("env", ()) if "/sales" in each],  # type: ignore[attr-defined]
            "words": words,
        }

    assert found(Framework.STREAMLIT) == {
        "health": "/sales/_stcore/health",
        "told": ["STREAMLIT_SERVER_BASE_URL_PATH=/sales"],
        "words": "",
    }
    assert found(Framework.DASH) == {
        "health": "/sales/",
        "told": ["DASH_URL_BASE_PATHNAME=/sales/"],
        "words": "",
    }
    assert found(Framework.JUPYTER)["words"] == (
        "Jupyter has to be told, by an option of its command: --ServerApp.base_url=/sales/"
    )
    told = "jupyter lab --ServerApp.base_url=/sales/"
    assert found(Framework.JUPYTER, command=told)["words"] == ""
    assert "A host name of the app's own" in str(found(Framework.SHINY_R)["words"])
    # Where there is no path to be served below, there is nothing to be told.
    for without in ({"exposure": "LoadBalancer"}, {"base_path": ""}, {"base_path": "?"}):
        assert found(Framework.STREAMLIT, **without) == {
            "health": "/_stcore/health",
            "told": [],
            "words": "",
        }


def test_variables_that_the_image_sets_or_does_not_need_are_left_out() -> None:
    uvicorn = BY_FRAMEWORK[Framework.FASTAPI]

    def env(config: ImageConfig) -> object:
        return contents(changes(uvicorn, report(config), form(), asked_for(form())).free).get("env")

    assert env(ImageConfig(command=("uvicorn", "m:a"))) == ("UVICORN_HOST=0.0.0.0",)
    assert env(ImageConfig(command=("uvicorn", "m:a", "--host", "0.0.0.0"))) is None
    set_there = ImageConfig(command=("uvicorn", "m:a"), environment={"UVICORN_HOST": "::"})
    assert env(set_there) is None


def test_a_variable_in_the_form_ends_the_warning_of_the_loopback_address() -> None:
    image = report(ImageConfig(command=("uvicorn", "m:a"), user="1001"))
    assert "127.0.0.1" in warnings(image, asked_for(form()))["repository"]
    assert "repository" not in warnings(image, asked_for(form(env="UVICORN_HOST=0.0.0.0")))


@pytest.mark.parametrize(
    ("raw", "port", "command", "user", "folders"),
    [
        ({"port": "80"}, 80, False, 1001, ("/tmp",)),
        ({"port": "x", "runs_as": "image"}, None, False, None, ("/tmp",)),
        ({"args": "--x", "runs_as": "root"}, None, True, 0, ("/tmp",)),
        ({"command": "a", "runs_as": "1000"}, None, True, 1000, ("/tmp",)),
        ({"runs_as": "1" * 5000}, None, False, 1001, ("/tmp",)),
        ({"writable_folders": "/a\n/b empty\n"}, None, False, 1001, ("/tmp", "/a", "/b")),
    ],
)
def test_the_form_tells_how_the_image_is_run(
    raw: dict[str, object],
    port: int | None,
    command: bool,
    user: int | None,
    folders: tuple[str, ...],
) -> None:
    asked = asked_for(raw)
    assert (asked.port, asked.command, asked.user, asked.folders) == (port, command, user, folders)


def test_variables_are_set_by_lines_of_several_fields() -> None:
    raw = form(env="A=1\n\nB = 2", env_keys="C=secret/key", secrets="D=x")
    assert asked_for(raw).variables == {"A", "B", "C", "D"}


def test_warnings_stand_beside_their_fields_the_gravest_first() -> None:
    config = ImageConfig(
        command=("flask", "run"),
        ports=(ExposedPort(8000),),
        needed=(NeededVariable("API_KEY"),),
    )
    image = report(config, platforms=(ARM64,), nodes=(AMD64,))
    found = warnings(image, asked_for(form()), port_of(image))
    assert found.keys() == {"repository", "port", "env"}
    assert found["repository"].index("linux/arm64") < found["repository"].index("root")


def test_the_tag_is_warned_of_by_the_form_alone() -> None:
    assert "tag" not in warnings(
        report(RUNS_STREAMLIT, tag="latest"), asked_for(form(tag="latest"))
    )


def test_the_port_is_offered_if_it_is_another() -> None:
    port = port_of(report(ImageConfig(ports=(ExposedPort(9000),))))
    assert port_change(port, form(), asked_for(form())) == Change("port", "8050", "9000")
    assert port_change(port, form(port=9000), asked_for(form(port=9000))) is None
    assert port_change(port, form(command="serve"), asked_for(form(command="serve"))) is None
