"""What the studio answers: the page's files, the list of models, and images of scenes.

Nothing is kept between requests but the open models, and nothing is written.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from spatialgan.documents import parse_json
from spatialgan.studio import answers
from spatialgan.studio.admission import Admission, Guard
from spatialgan.studio.answers import Models
from spatialgan.studio.dragging import drag_job
from spatialgan.studio.inverting import inversion_job, photo_bytes
from spatialgan.studio.sliders import sliders
from spatialgan.studio.streams import Job, Occupied, Slots, streamed
from spatialgan.studio.worker import Busy, Gone, Worker

STATIC = Path(__file__).parent / "static"
MAX_BODY = 1_000_000  # bytes, of all but photos
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
CLIENT_GONE = 499  # never read

Endpoint = Callable[[Request], Awaitable[Response]]


class TooLarge(Exception):
    """The body of a request is larger than any that the page sends."""


@dataclass
class Desk:
    """What all requests share."""

    models: Models
    worker: Worker = field(default_factory=Worker)
    slots: Slots = field(default_factory=Slots)

    def answers(self, answer: Callable[[Any, Models], bytes], kind: str) -> Endpoint:
        """Return an endpoint that answers a JSON body with what a function makes of it."""

        async def endpoint(request: Request) -> Response:
            data = await read_json(request)
            content = await self.worker.run(request, partial(answer, data, self.models))
            return Response(content, media_type=kind)

        return endpoint

    async def film(self, request: Request) -> Response:
        """Answer scenes with a GIF that leads through them; other renders run in between."""
        data = await read_json(request)
        job = partial(answers.stations_of, data, self.models)
        stations = await self.worker.run(request, job)
        parts = [
            await self.worker.run(request, partial(answers.film_part, here, there))
            for here, there in zip(stations, stations[1:], strict=False)
        ]
        gif = await self.worker.run(request, partial(answers.joined, parts))
        return Response(gif, media_type="image/gif")

    def streams(self, job_of: Callable[[Any, Models], Job], limit: int = MAX_BODY) -> Endpoint:
        """Return an endpoint that answers a JSON body, of at most `limit` bytes, with the steps of its job."""

        async def endpoint(request: Request) -> Response:
            data = await read_json(request, limit)
            job = partial(job_of, data, self.models)
            return await streamed(request, self.worker, self.slots, job)

        return endpoint


async def read_json(request: Request, limit: int = MAX_BODY) -> Any:
    """Return the JSON body of a request; raises TooLarge, and ValueError for what is not JSON."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise TooLarge(limit)
    try:
        return parse_json(body.decode("utf-8"), finite=False)
    except UnicodeDecodeError:
        raise ValueError("the body is not text in UTF-8") from None


def _static_file(path: Path) -> Endpoint:
    content, kind = path.read_bytes(), KINDS[path.suffix]

    async def endpoint(request: Request) -> Response:
        return Response(content, media_type=kind)

    return endpoint


def _static_files() -> dict[str, Endpoint]:
    """Return the endpoints of the page's files, read once: no request ever names a file on the disk."""
    files = {f"/{path.name}": path for path in STATIC.iterdir() if path.suffix in KINDS}
    files["/"] = files.pop("/index.html")
    return {name: _static_file(path) for name, path in files.items()}


def _refused(request: Request, error: Exception) -> Response:
    match error:
        case TooLarge():
            message = f"the body is larger than {error.args[0]:,} bytes"
            return JSONResponse({"error": message}, 413)
        case Occupied():
            return JSONResponse({"error": str(error)}, 409)
        case Busy():
            return JSONResponse({"error": "too many requests wait: try again in a moment"}, 503)
        case ValueError():
            return JSONResponse({"error": " ".join(str(error).split())}, 400)
    return Response(status_code=CLIENT_GONE)


def studio_app(models: Models, admission: Admission) -> ASGIApp:
    """Return the studio of some open models, as an ASGI app behind its guard.

    Raises ValueError if a model has heatmaps that no scene can describe.
    """
    desk = Desk(models)
    listing = json.dumps({"models": answers.describe(models)}).encode()

    async def list_models(request: Request) -> Response:
        return Response(listing, media_type="application/json")

    async def render(request: Request) -> Response:
        return await (as_png if request.headers.get("accept") == "image/png" else as_rgba)(request)

    as_png = desk.answers(answers.png, "image/png")
    as_rgba = desk.answers(answers.rgba, "application/octet-stream")
    posts = {
        "/render": render,
        "/attention": desk.answers(answers.attention, "application/octet-stream"),
        "/edit": desk.answers(answers.edited, "application/json"),
        "/strip": desk.answers(answers.strip, "image/png"),
        "/film": desk.film,
        "/sliders": desk.answers(sliders, "application/json"),
        "/drag": desk.streams(drag_job),
        "/invert": desk.streams(inversion_job, MAX_BODY + photo_bytes(models)),
    }
    files = _static_files()
    gets = {**files, "/models": list_models}
    routes = [
        *(Route(path, endpoint, methods=["GET"]) for path, endpoint in gets.items()),
        *(Route(path, endpoint, methods=["POST"]) for path, endpoint in posts.items()),
    ]
    known = (ValueError, TooLarge, Busy, Gone, ClientDisconnect, Occupied)
    app = Starlette(routes=routes, exception_handlers=dict.fromkeys(known, _refused))
    return Guard(app, replace(admission, public=frozenset(files)))
