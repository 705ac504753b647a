"""The studio or the demo, served in a separate process, and headless Chromium to look at it."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
CHROMIUM = next((path for path in map(shutil.which, NAMES) if path), "")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)


@dataclass(frozen=True)
class Served:
    """A studio that is being served."""

    link: str
    pid: int


@contextmanager
def served(*arguments: str) -> Iterator[Served]:
    """Serve a studio on a free port, as a user does, until the block ends."""
    command = [sys.executable, "-u", "-m", "spatialgan", "studio", "--no-open", "--port", "0"]
    with subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, encoding="utf-8"
    ) as server:
        try:
            assert server.stdout is not None
            yield Served(server.stdout.readline().split()[-1], server.pid)
        finally:
            server.terminate()


@contextmanager
def served_demo(*models: str) -> Iterator[Served]:
    """Build the demo of some models and serve it as plain files, as a user may, until the block ends."""
    from workflow.demo import build_demo
    from workflow.runtime import package_file

    with TemporaryDirectory() as folder:
        build_demo(Path(folder) / "demo", models, package_file())
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        command = [sys.executable, "-m", "http.server", f"{port}", "--bind", "127.0.0.1"]
        quiet = subprocess.DEVNULL
        command += ["--directory", folder]
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
            try:
                _wait_for(port)
                yield Served(f"http://127.0.0.1:{port}/demo/", server.pid)
            finally:
                server.terminate()


def _wait_for(port: int) -> None:
    """Wait until somebody listens at a port of this machine."""
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
            return
        except OSError:
            time.sleep(0.05)
    raise OSError(f"nobody listens at port {port}")


@contextmanager
def chromium() -> Iterator[Any]:
    """Yield a headless Chromium that sends nothing on its own."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        raise ValueError("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
