"""How fast the studio is: from the movement of a pointer to painted pixels, in the browser; and under many clients.

    python -m benchmarks.studio [--model bedroom] [--seconds 5] [--clients 20 --load-seconds 60]

The drag goes around in a circle. A sample is the time from the newest movement that an image knows of to the
moment after the frame that shows it. Under load each client drags an object of a scene of its own, and checks
that its last image is that of its own last scene.
"""

import hashlib
import http.client
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles
from typing import Any
from urllib.parse import urlsplit

import click

from benchmarks.browser import chromium, served

RADIUS = 60  # px of the circle
MOVE_MS = 8  # between two movements of the pointer: 125 Hz, as a mouse has
HEADERS = {"content-type": "application/json", "x-spatialgan": "1"}
CENTER = """() => {
  const box = document.querySelector("#handles .handle .dot").getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""


def drag_in_circles(page: Any, seconds: float) -> list[float]:
    """Return the ms from input to pixels of a drag by the mouse."""
    x, y = page.evaluate(CENTER)
    page.mouse.move(x, y)
    page.mouse.down()
    began, moves = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        angle = moves * MOVE_MS / 300
        page.mouse.move(x + RADIUS * (math.cos(angle) - 1), y + RADIUS * math.sin(angle))
        moves += 1
        page.wait_for_timeout(MOVE_MS)
    page.mouse.up()
    page.wait_for_function("() => document.documentElement.dataset.busy === 'no'")
    return page.evaluate("() => studio.timing.samples")


def post(connection: http.client.HTTPConnection, scene: dict) -> bytes:
    """Return the pixels of a scene."""
    connection.request("POST", "/render", json.dumps(scene), HEADERS)
    answer = connection.getresponse()
    content = answer.read()
    if answer.status != 200:
        raise RuntimeError(f"{answer.status}: {content[:200]!r}")
    return content


def be_client(link: str, number: int, scene: dict, seconds: float) -> tuple[int, str]:
    """Drag an object of one's own scene for a time; return the number of images, and the last one's hash."""
    connection = http.client.HTTPConnection(urlsplit(link).netloc, timeout=60)
    began, count, image = time.perf_counter(), 0, b""
    while time.perf_counter() - began < seconds:
        image = post(connection, moved(scene, number, count))
        count += 1
    alone = post(connection, moved(scene, number, count - 1))
    if image != alone:
        raise RuntimeError(f"client {number} did not see its own latest scene")
    return count, hashlib.sha256(image).hexdigest()


def moved(scene: dict, number: int, count: int) -> dict:
    """Return the scene that a client shows after a number of movements; no two clients share one."""
    layout = json.loads(json.dumps(scene["layout"]))
    angle = count / 20
    layout[0][0]["center"] = [0.5 * math.sin(angle), 0.5 * math.cos(angle)]
    return {**scene, "seed": 1000 + number, "layout": layout}


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process, on Linux."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="utf-8").split()[1])
    return pages * 4096 / 1e6


def load(link: str, pid: int, clients: int, seconds: float) -> None:
    """Let many clients drag at once, and print how that went."""
    connection = http.client.HTTPConnection(urlsplit(link).netloc)
    connection.request("GET", "/models", headers={})
    scene = json.loads(json.loads(connection.getresponse().read())["models"][0]["scene"])
    with ThreadPoolExecutor(clients + 1) as pool:
        running = [pool.submit(be_client, link, i, scene, seconds) for i in range(clients)]
        time.sleep(seconds / 3)
        early = memory_mb(pid)
        results = [each.result() for each in running]
    late = memory_mb(pid)
    images = sum(count for count, _ in results)
    print(
        f"{clients} clients, {seconds:g} s: {images} images ({images / seconds:.0f} a second), no error, "
        f"{len({digest for _, digest in results})} different last images; "
        f"memory {early:.0f} MB after a third, {late:.0f} MB at the end"
    )


@click.command()
@click.option("--model", default="bedroom", show_default=True)
@click.option("--seconds", default=5.0, show_default=True)
@click.option("--clients", default=0, help="Also let so many clients drag at once.")
@click.option("--load-seconds", default=60.0, show_default=True)
def main(model: str, seconds: float, clients: int, load_seconds: float) -> None:
    """Print how long it takes until the server is up, until the first image, and from input to pixels."""
    began = time.perf_counter()
    with served(model) as studio:
        up = time.perf_counter() - began
        with chromium() as browser:
            page = browser.new_page(viewport={"width": 1400, "height": 900})
            page.goto(studio.link)
            page.wait_for_function("() => window.studio?.timing?.first > 0")
            first = page.evaluate("() => studio.timing.first")
            drag_in_circles(page, 1)  # warm
            page.evaluate("() => { studio.timing.samples = []; }")
            samples = drag_in_circles(page, seconds)
        print(
            f"{model}: server up after {up:.1f} s, first image {first:.0f} ms after the page was asked for"
        )
        cuts = quantiles(samples, n=20)
        print(
            f"from input to pixels over {seconds:g} s: p50 {cuts[9]:.0f} ms, p95 {cuts[18]:.0f} ms "
            f"({len(samples)} images)"
        )
        if clients:
            load(studio.link, studio.pid, clients, load_seconds)


if __name__ == "__main__":
    main()
