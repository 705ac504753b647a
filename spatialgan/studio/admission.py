"""Which requests the studio accepts.

Somebody else's web page must not be able to use the studio through the visitor's browser, so:

- Host must name this machine, with the port served: a foreign name that resolves to it (DNS rebinding) is refused;
- Origin, if present, must be the page's own;
- a POST must be `application/json` and have our own header, neither of which another site can send without
  asking first, and nobody answers that question;
- beyond loopback, a random token from the printed link must come with everything but the page's own files.
"""

import hmac
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
OWN_HEADER = "x-spatialgan"  # its value says nothing; that it is there says that the page sent it
TOKEN_HEADER = "x-spatialgan-token"
SECURITY_HEADERS = {
    "content-security-policy": "default-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; object-src 'none'",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Admission:
    """Which requests are accepted."""

    port: int
    names: frozenset[str] = LOOPBACK  # what the server may be called in Host
    token: str = ""  # "": none is needed
    public: frozenset[str] = frozenset()  # paths that need no token

    def refusal(self, scope: Scope) -> tuple[int, str]:
        """Return the status and the reason for which a request is refused; (0, "") lets it in."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0].lower(), scope):
            return 421, "this server does not answer to that Host"
        origins = headers.getlist("origin")
        if any(origin.lower() != f"http://{hosts[0].lower()}" for origin in origins):
            return 403, "requests come from the studio's own page only"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            if scope["method"] != "GET" or scope["path"] != "/":  # a link may lead here
                return 403, "requests come from the studio's own page only"
        if scope["path"] not in self.public and not self._knows_token(headers):
            return 403, "the token is missing or wrong: open the link that the studio printed"
        if scope["method"] == "POST":
            kind = headers.get("content-type", "").partition(";")[0].strip().lower()
            if kind != "application/json":
                return 415, "the body must be application/json"
            if OWN_HEADER not in headers:
                return 403, f"the header {OWN_HEADER} is missing"
        return 0, ""

    def _is_ours(self, host: str, scope: Scope) -> bool:
        name, colon, port = host.rpartition(":")
        if not colon or host.endswith("]"):
            name, port = host, "80"
        server = scope.get("server") or ("", 0)
        address = f"[{server[0]}]" if ":" in str(server[0]) else server[0]
        return port == str(self.port) and (name in self.names or name == address)

    def _knows_token(self, headers: Headers) -> bool:
        given = headers.get(TOKEN_HEADER, "")
        return not self.token or hmac.compare_digest(given.encode(), self.token.encode())


class Guard:
    """An ASGI app that lets through what `Admission` lets in, and adds security headers to every answer."""

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self.app = app
        self.admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        if scope["type"] != "http":  # a websocket: not supported
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                extra = [(k.encode(), v.encode()) for k, v in SECURITY_HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        status, reason = self.admission.refusal(scope)
        app = JSONResponse({"error": reason}, status) if status else self.app
        await app(scope, receive, send_guarded)
