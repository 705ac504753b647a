"""The studio served in a process of its own, and headless Chromium to look at it with."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
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
def chromium() -> Iterator[Any]:
    """Yield a headless Chromium that talks to nobody by itself."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM:
        raise ValueError("no Chromium is installed: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            browser.close()
