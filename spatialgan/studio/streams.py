"""Long jobs, streamed: a client sees each step as it happens, and ends the job by disconnecting.

The stream consists of server-sent events. Each `data:` line is JSON: the job's progress; a few times a second, and at
the end, also {"image" (base64 of RGBA rows), "scene" (the document of that state)}. {"error": ...} ends a job that
fails.
"""

import base64
import json
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from spatialgan.dragging.drag import GOING
from spatialgan.models.opened import OpenedModel
from spatialgan.scenes.render import render_scene
from spatialgan.scenes.scene import SceneData
from spatialgan.scenes.scene_file import scene_text
from spatialgan.studio.answers import rgba_bytes
from spatialgan.studio.worker import Gone, Worker

CLIENT_HEADER = "x-spatialgan-client"  # a name that the page makes up for itself
MAX_JOBS = 4  # of all clients together
IMAGE_SECONDS = 0.12  # between two images of a stream


class State(Protocol):
    """The progress of a job."""

    @property
    def outcome(self) -> str:
        """GOING, or how it ended."""
        ...


S = TypeVar("S", bound=State)


@dataclass(frozen=True)
class Job(Generic[S]):
    """A job about to run."""

    model: OpenedModel
    states: Iterator[S]
    progress: Callable[[S], dict]  # how far it has come, as JSON data
    scene: Callable[[S], SceneData]  # what it has reached


class Occupied(Exception):
    """A job of this client, or too many of others, are running."""


@dataclass
class Slots:
    """Which clients have a job running."""

    clients: set[str] = field(default_factory=set)

    def take(self, client: str) -> None:
        """Take a slot; raises Occupied, in one line for people, if none is free."""
        if client in self.clients:
            raise Occupied("a drag or a photo is already in progress: stop it first")
        if len(self.clients) >= MAX_JOBS:
            raise Occupied(
                "the studio is busy with other people's drags and photos: try again in a moment"
            )
        self.clients.add(client)

    def free(self, client: str) -> None:
        """Give a slot back."""
        self.clients.discard(client)


async def streamed(
    request: Request, worker: Worker, slots: Slots, prepare: Callable[[], Job]
) -> StreamingResponse:
    """Return the stream of a job, whose preparation takes its turn with the worker.

    Raises Occupied if the client has one running, and ValueError if `prepare` does.
    """
    client = request.headers.get(CLIENT_HEADER, "")[:64]
    slots.take(client)
    try:
        job = await worker.run(request, prepare)
    except BaseException:
        slots.free(client)
        raise
    return _Stream(_events(request, worker, job), slots, client)


async def _events(request: Request, worker: Worker, job: Job) -> AsyncIterator[str]:
    """Yield the events of a job until it ends or the client has gone; renders of others come in between."""
    shown = -math.inf

    def step() -> dict:
        nonlocal shown
        state = next(job.states)
        event = {"outcome": state.outcome, **job.progress(state)}
        if state.outcome != GOING or time.monotonic() - shown > IMAGE_SECONDS:
            event |= _picture(job.scene(state), job.model)
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


def _picture(scene: SceneData, model: OpenedModel) -> dict[str, Any]:
    """Return a scene and its image, as JSON data."""
    image = rgba_bytes(render_scene(scene, model.snapshot))
    return {"image": base64.b64encode(image).decode(), "scene": scene_text(scene)}


class _Stream(StreamingResponse):
    """The stream of a job. Frees the client's slot on any exit."""

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
