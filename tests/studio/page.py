"""The studio's page as a test uses it: what is seen, what is done, and what it must not do."""

from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import pytest

from benchmarks.browser import CHROMIUM

BROWSER = [
    pytest.mark.browser,
    pytest.mark.skipif(not find_spec("playwright"), reason="needs Playwright"),
    pytest.mark.skipif(not find_spec("axe_playwright_python"), reason="needs axe"),
    pytest.mark.skipif(not CHROMIUM, reason="needs Chromium: apt-get install chromium"),
]

PIXELS = """() => {
  const canvas = document.querySelector("#image");
  return Array.from(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data);
}"""
SETTLED = "() => document.documentElement.dataset.busy === 'no'"


def violations(page: Any) -> list:
    """Return what axe-core finds against a page: the rule and where it is broken."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [(each["id"], [node["html"][:120] for node in each["nodes"]]) for each in found]


@dataclass
class Visit:
    """A page of the studio, and what it did that it should not."""

    page: Any
    faults: list[str] = field(default_factory=list)

    def watch(self, host: str) -> None:
        """Note errors in the console, and requests to anybody but `host`."""
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on("console", lambda said: self._said(said))
        self.page.on("request", lambda request: self._asked(request.url, host))

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)

    def _asked(self, url: str, host: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.netloc != host:
            self.faults.append(f"asked {url}")

    def open(self, address: str) -> None:
        """Go to an address and wait until the page has drawn a scene."""
        self.page.goto(address)
        self.page.wait_for_selector("html[data-ready]")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is being rendered."""
        self.page.wait_for_function(SETTLED)

    def pixels(self) -> list[int]:
        """Return the pixels of the image, RGBA."""
        self.settle()
        return self.page.evaluate(PIXELS)

    def scene(self) -> dict:
        """Return the scene that is shown."""
        self.settle()
        return self.page.evaluate("() => window.studio.scene")

    def handle(self, name: str) -> Any:
        """Return a handle on the image."""
        return self.page.locator(f"#handles .handle[data-part='{name}']")

    def center(self, name: str) -> tuple[float, float]:
        """Return where a handle's disc is in the window: x, y in px."""
        box = self.handle(name).locator(".dot").bounding_box()
        return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    def drag(self, name: str, dx: float, dy: float) -> None:
        """Drag a handle's center by px with the mouse."""
        x, y = self.center(name)
        mouse = self.page.mouse
        mouse.move(x, y)
        mouse.down()
        mouse.move(x + dx / 2, y + dy / 2)
        mouse.move(x + dx, y + dy)
        mouse.up()
        self.settle()
