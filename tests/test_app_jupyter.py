"""The equaliser in JupyterLab, driven by Chromium."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("jupyterlab", reason="JupyterLab is not installed")
pytest.importorskip("ipykernel", reason="ipykernel is not installed")
pytest.importorskip("anywidget", reason="anywidget is not installed")

SHOW = """
import steepest
photo = steepest.io.sample("coffee")[100:228, 150:350]
widget = steepest.app.equaliser(photo, channel_axis=-1)
widget
"""
ASK = """
change = abs(widget.result().astype(int) - photo).max()
print("gains", list(widget.settings["gains"]), int(change))
"""


def cell(source):
    return {"cell_type": "code", "execution_count": None, "id": secrets.token_hex(4),
            "metadata": {}, "outputs": [], "source": source}  # fmt: skip


@pytest.fixture
def lab(tmp_path):
    """The address of a notebook in JupyterLab; all its files are in the folder of the test."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel},
                "cells": [cell(SHOW.strip()), cell(ASK.strip())]}  # fmt: skip
    (tmp_path / "equaliser.ipynb").write_text(json.dumps(notebook))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    token = secrets.token_hex(16)
    names = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    folders = {name: str(tmp_path / name.lower()) for name in names}
    arguments = [
        "--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}",
        f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={tmp_path}",
        "--LabApp.news_url=", "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    with open(tmp_path / "lab.log", "w") as log:
        program = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *arguments],
            env={**os.environ, **folders}, stdout=log, stderr=log,
        )  # fmt: skip
        try:
            end = time.monotonic() + 60
            while True:
                try:
                    urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}").read()
                    break
                except (urllib.error.URLError, ConnectionError):
                    text = Path(log.name).read_text()[-2000:]
                    assert program.poll() is None, text
                    assert time.monotonic() < end, text
                    time.sleep(0.2)
            yield f"http://127.0.0.1:{port}/lab/tree/equaliser.ipynb?token={token}"
        finally:
            program.terminate()
            program.wait(30)


def test_a_slider_in_jupyterlab_changes_the_picture_and_the_notebook_stays_small(
    browser, lab, tmp_path
):
    from cases.page import picture_of

    page = browser.new_page(viewport={"width": 1400, "height": 1000})
    page.goto(lab)
    page.locator(".jp-Notebook .jp-CodeCell").first.click(timeout=60_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    page.keyboard.press("Shift+Enter")
    slider = page.get_by_label("fine texture", exact=True)
    slider.wait_for(timeout=120_000)
    page.get_by_text("Refining").wait_for(state="hidden", timeout=120_000)
    canvas = page.locator(".jp-OutputArea canvas").first

    def shown():
        page.wait_for_timeout(300)
        return canvas.evaluate("e => e.toDataURL()")

    before = shown()
    slider.scroll_into_view_if_needed()
    box = slider.bounding_box()
    middle = box["x"] + box["width"] / 2
    page.mouse.move(middle, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(middle, box["y"] + box["height"] - 2, steps=5)
    page.mouse.up()
    picture_of(page, "jupyterlab", tmp_path)
    assert shown() != before

    page.locator(".jp-Notebook .jp-CodeCell").nth(1).locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    words = page.locator(".jp-OutputArea-output[data-mime-type$=stdout]")
    words.wait_for(timeout=60_000)
    text = words.inner_text()
    gains = json.loads(text[text.index("[") : text.index("]") + 1])
    assert gains[1] < 0.1
    assert np.all(np.delete(gains, 1) == 1)
    assert int(text.split()[-1]) > 10

    page.keyboard.press("Control+s")
    notebook, end = tmp_path / "equaliser.ipynb", time.monotonic() + 30
    while not all(each in notebook.read_text() for each in ("widget-view", "gains [")):
        assert time.monotonic() < end, notebook.read_text()[:1000]
        page.wait_for_timeout(200)
    assert len(notebook.read_text()) < 5000  # the pixels alone are 76,800 bytes
    page.close()
