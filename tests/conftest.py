"""Shared set-up: `cases` importable from every test, hypothesis without deadlines.

The dense solver of `cases` works on small matrices, which more threads of BLAS only slow down.
"""

import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # before NumPy is imported
os.environ["COLUMNS"] = "120"  # the width of help pages
os.environ.setdefault("OMP_NUM_THREADS", "1")  # and torch: its threads wait for each other busily
sys.path.insert(0, str(Path(__file__).parent))
if not any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/kfd")):
    os.environ.setdefault(
        "TRITON_INTERPRET", "1"
    )  # before Triton is imported: kernels run on the CPU

# The tests themselves, and the packages that they import, are a million objects that stay: going
# through them again and again to find garbage took a fifth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on, only what the tests make is searched for garbage."""
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()  # or extensions report leaks


settings.register_profile(
    "steepest",
    deadline=None,
    max_examples=25,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("steepest")


@pytest.fixture
def here(tmp_path, monkeypatch):
    """Run the test in an empty folder."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photo(here):
    """A small 8-bit photograph, "photo.png"; files of tests may have another."""
    import numpy as np

    from steepest.io import sample, write_image

    array = np.ascontiguousarray(sample()[100:148, 200:260])
    write_image("photo.png", array)
    return array


@pytest.fixture(scope="session")
def browser():
    """Chromium, without a graphics processor."""
    pytest.importorskip("starlette", reason="Starlette is not installed")
    pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    from cases.page import CHROMIUM, FLAGS

    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with playwright.sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def start(browser):
    """Start a server and open its page."""
    from contextlib import ExitStack

    from cases.page import COFFEE, App, Session, served

    with ExitStack() as stack:
        apps = []

        def begin(image=COFFEE, query="", wait=True, **context):
            session = Session(image)
            app = App(browser, session, stack.enter_context(served(session)), query, **context)
            stack.callback(app.page.context.close)
            apps.append(app)
            return app.ready() if wait else app

        yield begin
    assert [error for app in apps for error in app.errors] == []
