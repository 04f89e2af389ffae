"""Frameworks, recognised from what an image says of itself."""

from __future__ import annotations

import pytest

from portal.images.frameworks import (
    Confidence,
    Framework,
    listens_on_loopback,
    recognized,
    suggested_port,
)
from portal.images.report import ExposedPort, ImageConfig
from tests.unit.images.make import report

CERTAIN, LIKELY, POSSIBLE = Confidence


def said(
    command: str | list[str] = "",
    env: dict[str, str] | None = None,
    ports: tuple[int, ...] = (),
    entry_point: tuple[str, ...] = (),
) -> ImageConfig:
    words = command.split() if isinstance(command, str) else command
    return ImageConfig(
        entry_point=entry_point,
        command=tuple(words),
        environment=env or {},
        ports=tuple(map(ExposedPort, ports)),
    )


SHELL = ["/bin/sh", "-c"]


@pytest.mark.parametrize(
    ("config", "framework", "confidence"),
    [
        (said("streamlit run app.py"), Framework.STREAMLIT, CERTAIN),
        (said("/opt/venv/bin/streamlit run app.py"), Framework.STREAMLIT, CERTAIN),
        (said("python -m streamlit run app.py"), Framework.STREAMLIT, CERTAIN),
        (
            said([*SHELL, "exec streamlit run a.py"]),
            Framework.STREAMLIT,
            CERTAIN,
        ),
        (said("python app.py", {"STREAMLIT_SERVER_PORT": "80"}), Framework.STREAMLIT, LIKELY),
        (said("python app.py", ports=(8501,)), Framework.STREAMLIT, POSSIBLE),
        (said("python app.py", {"GRADIO_SERVER_NAME": "0.0.0.0"}), Framework.GRADIO, LIKELY),
        (said("gradio app.py"), Framework.GRADIO, CERTAIN),
        (said("python app.py", ports=(7860,)), Framework.GRADIO, POSSIBLE),
        (said("panel serve app.py --address 0.0.0.0"), Framework.PANEL, CERTAIN),
        (said("shiny run --host 0.0.0.0 app.py"), Framework.SHINY_PYTHON, CERTAIN),
        (said(["R", "-e", "shiny::runApp('/app')"]), Framework.SHINY_R, CERTAIN),
        (said("/usr/bin/shiny-server"), Framework.SHINY_R, CERTAIN),
        (said("uvicorn main:app --host 0.0.0.0"), Framework.FASTAPI, CERTAIN),
        (said("fastapi run main.py"), Framework.FASTAPI, CERTAIN),
        (said("gunicorn -k uvicorn.workers.UvicornWorker m:app"), Framework.FASTAPI, CERTAIN),
        (said("uvicorn app:server --host 0.0.0.0"), Framework.FASTAPI, CERTAIN),
        (said("start-notebook.py", {"NB_USER": "jovyan"}), Framework.JUPYTER, CERTAIN),
        (said("jupyter lab --ip=0.0.0.0"), Framework.JUPYTER, CERTAIN),
        (said("voila notebook.ipynb"), Framework.VOILA, CERTAIN),
        (said("jupyter voila x.ipynb"), Framework.VOILA, CERTAIN),
        (said("gunicorn app:server -b 0.0.0.0:8050"), Framework.DASH, LIKELY),
        (said("python app.py", ports=(8050,)), Framework.DASH, POSSIBLE),
        (said(["nginx", "-g", "daemon off;"]), Framework.WEB_SERVER, CERTAIN),
        (said(entry_point=("caddy", "run")), Framework.WEB_SERVER, CERTAIN),
    ],
)
def test_recognized(config: ImageConfig, framework: Framework, confidence: Confidence) -> None:
    found = recognized(report(config))
    assert found is not None
    assert (found.framework, found.confidence) == (framework, confidence)
    assert found.reason


@pytest.mark.parametrize(
    ("repository", "framework"),
    [
        ("docker.io/rocker/shiny", Framework.SHINY_R),
        ("quay.io/jupyter/scipy-notebook", Framework.JUPYTER),
        ("docker.io/library/nginx", Framework.WEB_SERVER),
        ("ghcr.io/ann/my-streamlit-app", Framework.STREAMLIT),
        ("ghcr.io/ann/dash.board", Framework.DASH),
    ],
)
def test_a_name_only_hints(repository: str, framework: Framework) -> None:
    found = recognized(report(None, repository=repository))
    assert found is not None
    assert (found.framework, found.confidence) == (framework, POSSIBLE)


@pytest.mark.parametrize("repository", ["docker.io/library/python", "ghcr.io/ann/dashing"])
def test_nothing_is_recognized_where_nothing_tells(repository: str) -> None:
    assert recognized(report(said("python app.py"), repository=repository)) is None
    assert recognized(report(None, repository=repository)) is None


@pytest.mark.parametrize(
    ("config", "port"),
    [
        (said("streamlit run a.py --server.port=9000", ports=(8501,)), 9000),
        (said("streamlit run a.py --server.port 9000"), 9000),
        (said("gunicorn app:server --bind 0.0.0.0:9000", ports=(8050,)), 9000),
        (said("gunicorn app:server -b :9000"), 9000),
        (said("gunicorn app:server -b0.0.0.0:9000"), 9000),
        (said("uvicorn m:app --port 9000"), 9000),
        (said("jupyter lab --ServerApp.port=9000"), 9000),
        (said(["R", "-e", "shiny::runApp('.', port = 9000)"]), 9000),
        (said("python a.py", {"PORT": "9000"}, (8050,)), 9000),
        (said("python a.py", {"PORT": "x"}, (8050,)), 8050),
        (said("python a.py", ports=(9000,)), 9000),
        (said("streamlit run a.py", ports=(22, 8501)), 8501),
        (said("streamlit run a.py"), 8501),
        (said("python a.py", ports=(22, 23)), None),
        (said("uvicorn m:app --port 99999", ports=(9000,)), 9000),
        (said("python a.py"), None),
    ],
)
def test_the_port_that_is_likely(config: ImageConfig, port: int | None) -> None:
    found = suggested_port(report(config), recognized(report(config)))
    assert (found.number if found else None) == port
    assert suggested_port(report(None), None) is None


def test_where_an_app_listens() -> None:
    for inside in (
        said("uvicorn m:app"),
        said("uvicorn m:app --host 127.0.0.1"),
        said("flask run --host=localhost"),
        said("flask run"),
        said("gunicorn a:b -b 127.0.0.1:8000"),
        said([*SHELL, "exec uvicorn m:app --port 80"]),
    ):
        assert listens_on_loopback(inside)
    for outside in (
        said("uvicorn m:app --host 0.0.0.0"),
        said("uvicorn m:app", {"UVICORN_HOST": "0.0.0.0"}),
        said("flask run", {"FLASK_RUN_HOST": "0.0.0.0"}),
        said("gunicorn a:b"),
        said("gunicorn a:b -b 0.0.0.0:8000"),
        said("python app.py"),
        said(""),
    ):
        assert not listens_on_loopback(outside)


def test_odd_commands_do_not_disturb() -> None:
    for odd in ('echo "', "-p 5", "--port=", "\x00 \n '", "port="):
        config = said([*SHELL, odd])
        assert recognized(report(config)) is None
        assert not listens_on_loopback(config)
