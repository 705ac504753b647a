"""The film of the studio in README: a scripted visit in headless Chromium, as an animated GIF.

    python -m workflow.studio_film docs/studio.gif

A bed is dragged across the room and resized, another is restyled and a third removed; then a cat moves as one. The
pointer is drawn by the film, because a headless browser shows none.
"""

import math
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import click
from PIL import Image, ImageDraw

from benchmarks.browser import chromium, served
from spatialgan.drawing.films import Film

SIZE = {"width": 1180, "height": 790}  # px of the window
WIDTH = 820  # px of the film
FRAME_MS = 70
STEPS = 14  # of a movement
LIMIT = 3_000_000  # bytes
ARROW = ((0, 0), (0, 17), (4, 13), (7, 19), (10, 18), (7, 12), (12, 12))
READY = "() => document.documentElement.dataset.busy === 'no'"
CENTER = """([selector]) => {
  const box = document.querySelector(selector).getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
}"""


@dataclass
class Camera:
    """A page, the pointer over it, and the frames taken so far."""

    page: Any
    at: tuple[float, float] = (700.0, 640.0)  # x, y
    frames: list[tuple[Image.Image, int]] = field(default_factory=list)

    def shoot(self, milliseconds: int = FRAME_MS) -> None:
        """Take a frame once the image is up to date."""
        self.page.wait_for_function(READY)
        picture = Image.open(BytesIO(self.page.screenshot())).convert("RGB")
        draw = ImageDraw.Draw(picture)
        shape = [(self.at[0] + x * 1.3, self.at[1] + y * 1.3) for x, y in ARROW]
        draw.polygon(shape, fill="white", outline="black", width=2)
        height = round(WIDTH * picture.height / picture.width)
        small = picture.resize((WIDTH, height), Image.Resampling.LANCZOS)
        self.frames.append((small, milliseconds))

    def where(self, selector: str) -> tuple[float, float]:
        """Return the middle of an element, x, y."""
        x, y = self.page.evaluate(CENTER, [selector])
        return x, y

    def go(self, x: float, y: float, steps: int = STEPS) -> None:
        """Move the pointer there, slowly at both ends."""
        from_x, from_y = self.at
        for step in range(1, steps + 1):
            part = (1 - math.cos(math.pi * step / steps)) / 2
            self.at = (from_x + part * (x - from_x), from_y + part * (y - from_y))
            self.page.mouse.move(*self.at)
            self.shoot()

    def drag(self, selector: str, dx: float, dy: float) -> None:
        """Drag an element by some px."""
        x, y = self.where(selector)
        self.go(x, y, STEPS // 2)
        self.page.mouse.down()
        self.go(x + dx, y + dy)
        self.page.mouse.up()
        self.shoot(500)

    def press(self, selector: str, times: int = 1) -> None:
        """Go to a button and press it."""
        self.go(*self.where(selector), STEPS // 2)
        for _ in range(times):
            self.page.click(selector)
            self.shoot(450)


def visit(camera: Camera) -> None:
    """Do what the film shows."""
    camera.shoot(800)
    camera.drag("#handles [data-part='0'] .dot", 190, -30)
    camera.drag("#handles [data-part='0'] .grip", 26, 26)
    camera.drag("#handles [data-part='1'] .dot", 60, -40)
    camera.press("#restyle-next", 3)
    camera.press("#chips button:nth-child(3)")
    camera.press("#remove")
    camera.page.select_option("#model", "cat")
    camera.page.wait_for_function("() => studio.scene.model === 'cat'")
    camera.shoot(700)
    camera.drag("#handles [data-part='0'] .dot", 120, 60)
    camera.shoot(1200)


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
def main(path: Path) -> None:
    """Write the film to PATH; refuse one that is too large for a README."""
    with served() as studio, chromium() as browser:
        page = browser.new_page(viewport=SIZE)
        page.goto(studio.link)
        page.wait_for_selector("html[data-ready]")
        camera = Camera(page)
        visit(camera)
    gif = Film(tuple(camera.frames)).gif()
    if len(gif) > LIMIT:
        raise ValueError(f"the film has {len(gif):,} bytes, but at most {LIMIT:,} may be in README")
    path.write_bytes(gif)
    click.echo(f"{path}: {len(camera.frames)} frames, {len(gif):,} bytes")


if __name__ == "__main__":
    main()
