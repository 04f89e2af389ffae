"""The frameworks that people bring, in images as their own documentation builds them."""

from __future__ import annotations

import json
from dataclasses import dataclass

from tests.images.assemble import Image
from tests.images.corpus import Case


@dataclass(frozen=True, slots=True)
class Framework:
    """A package, an app of it, the command that serves it, and the fields to launch it with.

    ``app`` is the content of ``file``.
    """

    package: str
    app: str
    command: str
    port: int
    health_path: str = "/"
    memory: str = "512Mi"
    file: str = "app.py"

    @property
    def dockerfile(self) -> str:
        """The image's Dockerfile; it has no ``USER``, as most of them."""
        return (
            "ARG BASE\n"
            "FROM ${BASE}\n"
            f"RUN pip3 install --break-system-packages --no-cache-dir {self.package}\n"
            "WORKDIR /app\n"
            f"COPY {self.file} .\n"
            f"EXPOSE {self.port}\n"
            f"CMD {self.command}\n"
        )

    @property
    def case(self) -> Case:
        """How it is launched: it has to become ready."""
        form = {
            "port": self.port,
            "health_path": self.health_path,
            "cpu_request": "100m",
            "memory_request": "128Mi",
            "memory_limit": self.memory,
        }
        return Case(f"is made with {self.package}", Image(), form=form)


FRAMEWORKS = {
    "streamlit": Framework(
        "streamlit",
        "import streamlit\n\nstreamlit.title('Sales')\nstreamlit.slider('Year', 2020, 2026)\n",
        "streamlit run app.py --server.address=0.0.0.0 --server.port=8501",
        8501,
        "/_stcore/health",
    ),
    "gradio": Framework(
        "gradio",
        "import gradio\n\n"
        "gradio.Interface(fn=str.upper, inputs='text', outputs='text').launch(\n"
        "    server_name='0.0.0.0', server_port=7860\n)\n",
        "python3 app.py",
        7860,
    ),
    "panel": Framework(
        "panel",
        "import panel\n\npanel.Column('# Sales', panel.widgets.IntSlider()).servable()\n",
        "panel serve app.py --address 0.0.0.0 --port 5006 --allow-websocket-origin='*'",
        5006,
    ),
    "shiny": Framework(
        "shiny",
        "from shiny.express import input, render, ui\n\n"
        "ui.input_slider('year', 'Year', 2020, 2026, 2024)\n\n\n"
        "@render.text\ndef chosen():\n    return str(input.year())\n",
        "shiny run app.py --host 0.0.0.0 --port 8000",
        8000,
    ),
    "jupyter": Framework(
        "jupyterlab",
        "",
        "jupyter lab --ip=0.0.0.0 --port=8888 --no-browser",
        8888,
        "/api",
    ),
    "voila": Framework(
        "voila ipykernel",
        json.dumps(
            {
                "cells": [
                    {
                        "cell_type": "code",
                        "execution_count": None,
                        "metadata": {},
                        "outputs": [],
                        "source": ["print('Sales')"],
                    }
                ],
                "metadata": {},
                "nbformat": 4,
                "nbformat_minor": 5,
            }
        ),
        "voila app.ipynb --no-browser --Voila.ip=0.0.0.0 --port=8866",
        8866,
        "",
        file="app.ipynb",
    ),
    "fastapi": Framework(
        "fastapi uvicorn",
        "from fastapi import FastAPI\n\napp = FastAPI()\n\n\n"
        "@app.get('/sales')\ndef sales():\n    return {'sales': 3}\n",
        "uvicorn app:app --host 0.0.0.0 --port 8000",
        8000,
        "",
        "256Mi",
    ),
}
