"""The frameworks that people bring, and the settings that suit an app made with each. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct, field

WORKING_FOLDER = "."
"""Stands for the image's working folder among the folders that an app writes to."""


class Framework(StrEnum):
    """A kind of app that people bring; the values are how it is called."""

    DASH = "Dash"
    STREAMLIT = "Streamlit"
    GRADIO = "Gradio"
    PANEL = "Panel"
    SHINY_PYTHON = "Shiny for Python"
    SHINY_R = "Shiny for R"
    FASTAPI = "FastAPI or another ASGI app"
    JUPYTER = "Jupyter"
    VOILA = "Voilà"
    WEB_SERVER = "a web server"


class BasePath(Struct, frozen=True):
    """The variable or option that tells a framework the path under which it is served.

    ``ending`` is what it wants after the path.
    """

    variable: str = ""
    option: str = ""
    ending: str = ""

    def __str__(self) -> str:
        """In words."""
        return f"variable {self.variable}" if self.variable else f"option {self.option}"


class FrameworkSettings(Struct, frozen=True):
    """Settings that suit an app made with a framework.

    Args:
        framework: the framework.
        port: the one that it listens on unless told otherwise.
        health_path: answers 200 to 399 once the app can be used, without a sign-in and at little
            cost; "" where there is none such, and an open port has to be enough.
        memory: what a small app takes with the libraries that it commonly loads.
        session_affinity: each client has to stay on its pod; ``why`` tells why, or why not.
        why: a sentence.
        websockets: pages need WebSockets, which a proxy in front of the app has to let through.
        folders: those that it writes to, beside ``/tmp`` and HOME (which the chart has at
            ``/tmp``); ``WORKING_FOLDER`` is one.
        environment: variables that it needs to be reached in a pod.
        base_path: how it is told the path under which it is served, where that is not ``/``; None
            if it cannot be told.
        command: an example of a command that is reached from outside its pod.
    """

    framework: Framework
    port: int
    why: str
    health_path: str = "/"
    memory: str = "256Mi"
    session_affinity: bool = False
    websockets: bool = False
    folders: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    base_path: BasePath | None = None
    command: str = ""


FRAMEWORKS = (
    FrameworkSettings(
        Framework.DASH,
        8050,
        "Callbacks get all that they need from the browser, so any pod can answer them.",
        base_path=BasePath(variable="DASH_URL_BASE_PATHNAME", ending="/"),
        command="gunicorn --bind 0.0.0.0:8050 app:server",
    ),
    FrameworkSettings(
        Framework.STREAMLIT,
        8501,
        "A session, and the files uploaded in it, are in the memory of one pod.",
        health_path="/_stcore/health",
        memory="512Mi",
        session_affinity=True,
        websockets=True,
        environment={"STREAMLIT_SERVER_HEADLESS": "true"},
        base_path=BasePath(variable="STREAMLIT_SERVER_BASE_URL_PATH"),
        command="streamlit run app.py --server.address=0.0.0.0 --server.port=8501",
    ),
    FrameworkSettings(
        Framework.GRADIO,
        7860,
        "The queue of events, and the state of a session, are in the memory of one pod.",
        memory="512Mi",
        session_affinity=True,
        folders=(WORKING_FOLDER,),
        environment={"GRADIO_SERVER_NAME": "0.0.0.0"},  # noqa: S104 - in the app's own pod
        base_path=BasePath(variable="GRADIO_ROOT_PATH"),
        command="python app.py",
    ),
    FrameworkSettings(
        Framework.PANEL,
        5006,
        "A page and its WebSocket belong to one session, in the memory of one pod.",
        memory="512Mi",
        session_affinity=True,
        websockets=True,
        # Its default is localhost alone, and the address is not known before the launch.
        environment={"BOKEH_ALLOW_WS_ORIGIN": "*"},
        base_path=BasePath(option="--prefix"),
        command="panel serve app.py --address 0.0.0.0 --port 5006",
    ),
    FrameworkSettings(
        Framework.SHINY_PYTHON,
        8000,
        "A session is a WebSocket and what one pod keeps in memory for it.",
        memory="512Mi",
        session_affinity=True,
        websockets=True,
        command="shiny run --host 0.0.0.0 --port 8000 app.py",
    ),
    FrameworkSettings(
        Framework.SHINY_R,
        3838,
        "A session is a WebSocket, or requests in its place, and one R process in one pod.",
        memory="512Mi",
        session_affinity=True,
        websockets=True,
        folders=("/var/log/shiny-server", "/var/lib/shiny-server"),
        command="R -e \"shiny::runApp('/app', host = '0.0.0.0', port = 3838)\"",
    ),
    FrameworkSettings(
        Framework.FASTAPI,
        8000,
        "Requests are independent of each other, unless the app keeps state in memory.",
        health_path="",  # many an API has nothing at /
        environment={"UVICORN_HOST": "0.0.0.0"},  # noqa: S104 - in the app's own pod
        command="uvicorn main:app --host 0.0.0.0 --port 8000",
    ),
    FrameworkSettings(
        Framework.JUPYTER,
        8888,
        "Kernels run in one pod, and notebooks are saved there: one replica is enough.",
        health_path="/api",  # answers without a token
        memory="1Gi",
        session_affinity=True,
        websockets=True,
        folders=(WORKING_FOLDER,),
        base_path=BasePath(option="--ServerApp.base_url", ending="/"),
        command="jupyter lab --ip=0.0.0.0 --port=8888 --no-browser",
    ),
    FrameworkSettings(
        Framework.VOILA,
        8866,
        "Each page has a kernel of its own, in one pod.",
        health_path="",  # every request for / would run the notebook
        memory="512Mi",
        session_affinity=True,
        websockets=True,
        base_path=BasePath(option="--Voila.base_url", ending="/"),
        command="voila notebook.ipynb --no-browser --Voila.ip=0.0.0.0 --port=8866",
    ),
    FrameworkSettings(
        Framework.WEB_SERVER,
        80,
        "Files are the same in every pod.",
        memory="64Mi",
        folders=("/var/cache/nginx", "/var/run"),
    ),
)
"""One entry for each framework."""

BY_FRAMEWORK = {each.framework: each for each in FRAMEWORKS}
