"""How fast the studio is: from the movement of a pointer to painted pixels, in the browser; and under many clients.

    python -m benchmarks.studio [--snapshot FILE ...] [--seconds 5] [--clients 20 --load-seconds 60]
    python -m benchmarks.studio --back-end wasm [--snapshot FILE ...] [--seconds 5]

Without snapshots it measures every shipped model. Each is served alone. The drag goes around in a circle, at the rate of
a mouse, by a browser that nothing but the pointer keeps busy (benchmarks/pointer.py). A sample is the time from the
newest movement that an image knows of to the moment after the frame that shows it. An image that a later one overtook
within the same frame is a sample, too.

Under load each client drags an object of a scene of its own, and checks that its last image is that of its own
last scene.
"""

import hashlib
import http.client
import json
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, quantiles
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.browser import Served, chromium, served, served_demo
from benchmarks.pointer import Page, pointer_page
from spatialgan.models import shipped_models

RADIUS = 60  # px of the circle
MOVE_MS = 8  # between two movements of the pointer: 125 Hz, as a mouse has
HEADERS = {"content-type": "application/json", "x-spatialgan": "1"}
CENTER = """(() => {
  const box = document.querySelector("#handles .handle .dot").getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})()"""
# the page forgets the oldest
KEEP_ALL = "window.allSamples = []; studio.timing.onSample = (ms) => allSamples.push(ms); 0"


@dataclass(frozen=True)
class BackEnd:
    """What makes the page's images."""

    serve: Callable[..., AbstractContextManager[Served]]
    probe: str  # the path at which it answers once it is up
    bound_up_s: float  # until it answers
    bound_first_ms: float  # until the first image is there
    p95_ms: dict[int, float]  # bounds by the resolution of the model
    transfer_mb: float = math.inf  # bound until the first image, of the model that opens first


BACK_ENDS = {
    "server": BackEnd(served, "/models", 3.0, 1000.0, {32: 50.0, 64: 100.0}),
    "wasm": BackEnd(served_demo, "/demo/", math.inf, math.inf, {32: 50.0, 64: 120.0}, 6.0),
}


@dataclass(frozen=True)
class Speed:
    """How fast one model is in the studio."""

    name: str
    back_end: BackEnd
    resolution: int
    up_s: float  # from the command to a server that answers
    first_ms: float  # from asking for the page to its first image on the screen
    samples_ms: list[float]  # from input to pixels
    transfer_mb: float  # until the first image

    def row(self) -> str:
        """Return a line of the table, with the bounds."""
        cuts = quantiles(self.samples_ms, n=20)
        limit = self.back_end.p95_ms.get(self.resolution, math.inf)
        return (
            f"{self.name:<24} {self.resolution:>4} px   up {_bounded(self.up_s, self.back_end.bound_up_s, 's', 1)}   "
            f"first image {_bounded(self.first_ms, self.back_end.bound_first_ms, 'ms')}   p50 {cuts[9]:.0f} ms   "
            f"p95 {_bounded(cuts[18], limit, 'ms')}   {len(self.samples_ms)} images   "
            f"{_bounded(self.transfer_mb, self.back_end.transfer_mb, 'MB', 2)}"
        )


def _bounded(value: float, limit: float, unit: str, digits: int = 0) -> str:
    if limit == math.inf:
        return f"{value:.{digits}f} {unit} (no bound)"
    return f"{value:.{digits}f} {unit} ({'below' if value < limit else 'NOT BELOW'} {limit:g})"


def measure(name: str, browser: Any, seconds: float, back_end: BackEnd) -> Speed:
    """Serve a model alone, visit it, and drag in a separate browser."""
    began = time.perf_counter()
    with back_end.serve(name) as studio:
        with _connected(studio.link) as connection:
            _answer(connection, "GET", back_end.probe)
        up = time.perf_counter() - began
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        sizes: list[int] = []
        page.on("requestfinished", lambda done: sizes.append(done.sizes()["responseBodySize"]))
        page.goto(studio.link)
        page.wait_for_function("() => window.studio?.timing?.first > 0")
        first, transfer = page.evaluate("() => studio.timing.first"), sum(sizes) / 1e6
        page.close()
        samples, resolution = drag(studio.link, seconds)
    return Speed(Path(name).name, back_end, resolution, up, first, samples, transfer)


def drag(link: str, seconds: float) -> tuple[list[float], int]:
    """Return the ms from input to pixels of a drag in the page at a link, and the resolution of its model."""
    with pointer_page() as page:
        page.ask("Page.navigate", url=link)
        page.wait_until("window.studio?.timing?.first > 0")
        drag_in_circles(page, 1)  # warm
        return drag_in_circles(page, seconds), page.evaluate("studio.model.resolution")


def drag_in_circles(page: Page, seconds: float) -> list[float]:
    """Return the ms from input to pixels of a drag by the mouse, all of them."""
    x, y = page.evaluate(CENTER)
    page.evaluate(KEEP_ALL)
    page.mouse("mouseMoved", x, y)
    page.mouse("mousePressed", x, y)
    began = time.perf_counter()
    for move in range(round(seconds * 1000 / MOVE_MS)):
        angle = move * MOVE_MS / 300
        page.mouse("mouseMoved", x + RADIUS * (math.cos(angle) - 1), y + RADIUS * math.sin(angle))
        time.sleep(max(0.0, began + (move + 1) * MOVE_MS / 1000 - time.perf_counter()))
    page.mouse("mouseReleased", x, y)
    page.wait_until("document.documentElement.dataset.busy === 'no'")
    return page.evaluate("allSamples")


@dataclass(frozen=True)
class Load:
    """What many clients at once got, and what it cost."""

    images: list[int]  # that each client got
    last: list[str]  # sha256 of each client's last image
    memory_mb: tuple[
        float, float
    ]  # of the server: mean of the seconds after a third, and of the last ones

    @property
    def growth_mb(self) -> float:
        """Return what the server's memory grew by over the last two thirds."""
        return self.memory_mb[1] - self.memory_mb[0]


def load(link: str, pid: int, clients: int, seconds: float) -> Load:
    """Let many clients drag at once; raises RuntimeError if one gets an error or another's image."""
    with _connected(link) as connection:
        listed = json.loads(_answer(connection, "GET", "/models"))
    scene = json.loads(listed["models"][0]["scene"])
    span = seconds / 12  # over which memory is averaged
    with ThreadPoolExecutor(clients) as pool:
        running = [pool.submit(_be_client, link, i, scene, seconds) for i in range(clients)]
        time.sleep(seconds / 3)
        early = _mean_memory_mb(pid, span)
        time.sleep(max(0.0, seconds * 2 / 3 - 2.5 * span))
        late = _mean_memory_mb(pid, span)
        results = [each.result() for each in running]
    return Load([count for count, _ in results], [last for _, last in results], (early, late))


def _be_client(link: str, number: int, scene: dict, seconds: float) -> tuple[int, str]:
    """Drag an object of one's own scene for a time; return the number of images, and the last one's hash."""
    began, count, image = time.perf_counter(), 0, b""
    with _connected(link) as connection:
        while count == 0 or time.perf_counter() - began < seconds:
            count += 1
            image = _answer(connection, "POST", "/render", moved(scene, number, count))
        if image != _answer(connection, "POST", "/render", moved(scene, number, count)):
            raise RuntimeError(f"client {number} did not see its own latest scene")
    return count, hashlib.sha256(image).hexdigest()


def moved(scene: dict, number: int, count: int) -> dict:
    """Return the scene that a client shows after a number of movements; no two clients share one."""
    layout = json.loads(json.dumps(scene["layout"]))
    angle = count / 20
    layout[0][0]["center"] = [0.5 * math.sin(angle), 0.5 * math.cos(angle)]
    return {**scene, "seed": 1000 + number, "layout": layout}


def _connected(link: str) -> closing[http.client.HTTPConnection]:
    return closing(http.client.HTTPConnection(urlsplit(link).netloc, timeout=60))


def _answer(
    connection: http.client.HTTPConnection, method: str, path: str, scene: dict | None = None
) -> bytes:
    connection.request(method, path, scene and json.dumps(scene), HEADERS)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {content[:200]!r}")
    return content


def _mean_memory_mb(pid: int, seconds: float) -> float:
    """Return the resident memory of a process over some seconds, on Linux."""
    found = []
    for _ in range(10):
        found.append(
            int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1]) * 4096 / 1e6
        )
        time.sleep(seconds / 10)
    return mean(found)


@click.command()
@click.option("--snapshot", "snapshots", multiple=True, help="Measure this model; several times.")
@click.option("--back-end", type=click.Choice(list(BACK_ENDS)), default="server", show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Of each drag.")
@click.option("--clients", default=0, help="Also let so many clients drag at once.")
@click.option("--load-seconds", default=60.0, show_default=True)
def main(
    snapshots: tuple[str, ...], back_end: str, seconds: float, clients: int, load_seconds: float
) -> None:
    """Print how long the server and the first image take to appear, and the time from input to pixels."""
    if clients and back_end != "server":
        raise click.UsageError("--clients are of the server")
    with chromium() as browser:
        for name in snapshots or shipped_models():
            click.echo(measure(name, browser, seconds, BACK_ENDS[back_end]).row())
    if clients:
        with served() as studio:
            found = load(studio.link, studio.pid, clients, load_seconds)
        click.echo(
            f"{clients} clients, {load_seconds:g} s: {sum(found.images) / load_seconds:.0f} images a second, "
            f"{min(found.images)} to {max(found.images)} each, no error, {len(set(found.last))} different last "
            f"images; memory {found.memory_mb[0]:.0f} MB after a third, {found.memory_mb[1]:.0f} MB at the end"
        )


if __name__ == "__main__":
    main()
