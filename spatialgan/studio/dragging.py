"""Drags, streamed: a client sees each step as it happens, and ends the drag by going away.

The stream is of server-sent events. Each `data:` line is JSON: {"step", "outcome", "distance" (of the farthest
handle, in image widths), "handles"}; a few times a second, and at the end, also {"image" (base64 of RGBA rows),
"scene" (the document of that state)}. {"error": ...} ends a drag that can't be done.
"""

import base64
import binascii
import json
import math
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from PIL import Image
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from spatialgan.dragging import drag_scene
from spatialgan.dragging.drag import GOING, DragSettings, DragState, Problem, drag_states
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes import checks
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio.answers import Models, open_document, rgba_bytes
from spatialgan.studio.worker import Gone, Worker

CLIENT_HEADER = "x-spatialgan-client"  # a name that the page makes up for itself
MAX_DRAGS = 4  # of all clients together
MAX_STEPS = 1000
TOLERANCE_RANGE = (0.75, 100.0)  # px, as in `spatialgan drag`
IMAGE_SECONDS = 0.12  # between two images of a stream
FIELDS = {"scene", "handles", "targets", "method", "mask", "max_steps", "tolerance_px"}


class Occupied(Exception):
    """A drag of this client, or too many of others, are running."""


@dataclass
class Slots:
    """Which clients have a drag running."""

    clients: set[str] = field(default_factory=set)

    def take(self, client: str) -> None:
        """Take a slot; raises Occupied, in one line for people, where there is none."""
        if client in self.clients:
            raise Occupied("a drag is running already: stop it first")
        if len(self.clients) >= MAX_DRAGS:
            raise Occupied("other people's drags are running: try again in a moment")
        self.clients.add(client)

    def free(self, client: str) -> None:
        """Give a slot back."""
        self.clients.discard(client)


@dataclass(frozen=True)
class Job:
    """A drag about to run."""

    scene: SceneData
    model: OpenedModel
    problem: Problem
    states: Iterator[DragState]


def prepare(data: Any, models: Models) -> Job:
    """Return the drag that a request describes; raises ValueError, naming the place."""
    if not isinstance(data, dict) or set(data) != FIELDS:
        raise ValueError(f"a drag must be a JSON object with {', '.join(sorted(FIELDS))}")
    scene, model = open_document(data["scene"], models)
    method = drag_scene.find_drag(checks.text("method", data["method"]))
    drag_scene.check_method(model.snapshot, method)
    pairs = drag_scene.pair_points(_points(data, "handles"), _points(data, "targets"))
    steps = checks.whole_number("max_steps", data["max_steps"])
    checks.check_range("max_steps", steps, 0, MAX_STEPS)
    tolerance = checks.number("tolerance_px", data["tolerance_px"])
    checks.check_range("tolerance_px", tolerance, *TOLERANCE_RANGE)
    fixed = _fixed(data["mask"], drag_scene.feature_resolution(model.snapshot))
    settings = DragSettings(max_steps=steps, tolerance_px=tolerance)
    problem = drag_scene.drag_problem(scene, model.snapshot, *pairs, fixed, settings)
    return Job(scene, model, problem, drag_states(problem, method))


def _points(data: dict, name: str) -> list[tuple[float, float]]:
    points = data[name]
    if not isinstance(points, list) or len(points) > drag_scene.MAX_POINTS:
        raise ValueError(f"{name} must be a list of at most {drag_scene.MAX_POINTS} points")
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise ValueError(f"{name} has an entry that is not a point [y, x]")
    return [(y, x) for y, x in points]


def _fixed(mask: Any, resolution: int) -> torch.Tensor:
    """Return where nothing may change: black in a mask, which is base64 of rows of gray bytes; "" is all white."""
    try:
        rows = base64.b64decode(checks.text("mask", mask), validate=True)
    except binascii.Error:
        raise ValueError("mask is not text in base64") from None
    if not rows:
        return torch.zeros(resolution, resolution)
    side = math.isqrt(len(rows))
    if side * side != len(rows):
        raise ValueError(f"mask has {len(rows):,} pixels, which are no square")
    fixed = drag_scene.fixed_region(Image.frombytes("L", (side, side), rows), resolution)
    if (fixed == 1).all():
        raise ValueError("mask leaves nothing that may change: erase some of it")
    return fixed


def progress(job: Job, state: DragState) -> dict:
    """Return how far a drag has come, as JSON data."""
    return {
        "step": state.step,
        "outcome": state.outcome,
        "distance": round(job.problem.to_go(state.handles).max().item(), 6),
        "handles": [[round(y, 5), round(x, 5)] for y, x in state.handles.tolist()],
    }


def picture(job: Job, state: DragState) -> dict:
    """Return the scene that a drag has reached and its image, as JSON data."""
    scene = drag_scene.dragged_scene(job.scene, state)
    image = rgba_bytes(render_scene(scene, job.model.snapshot))
    return {"image": base64.b64encode(image).decode(), "scene": scene_text(scene)}


async def events(request: Request, worker: Worker, job: Job) -> AsyncIterator[str]:
    """Yield the events of a drag until it ends or the client has gone; renders of others come in between."""
    shown = -math.inf

    def step() -> dict:
        nonlocal shown
        state = next(job.states)
        event = progress(job, state)
        if state.outcome != GOING or time.monotonic() - shown > IMAGE_SECONDS:
            event |= picture(job, state)
            shown = time.monotonic()
        return event

    outcome = GOING
    while outcome == GOING:
        try:
            event = await worker.run(request, step)
        except Gone:
            return
        except ValueError as error:
            event = {"error": str(error), "outcome": "refused"}
        outcome = event["outcome"]
        yield f"data: {json.dumps(event)}\n\n"


class DragStream(StreamingResponse):
    """The stream of a drag; the client's slot is free again when it ends, however it ends."""

    media_type = "text/event-stream"

    def __init__(self, content: AsyncIterator[str], slots: Slots, client: str) -> None:
        super().__init__(content)
        self.slots = slots
        self.client = client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self.slots.free(self.client)


async def start(request: Request, worker: Worker, job_data: Any, models: Models) -> Job:
    """Return the prepared drag of a request, whose preparation takes its turn with the worker."""
    return await worker.run(request, lambda: prepare(job_data, models))
