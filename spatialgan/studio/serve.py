"""Starting the studio: a socket, the open models, and a server until somebody presses Ctrl-C."""

import ipaddress
import secrets
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from spatialgan.models import shipped_models
from spatialgan.models.opened import OpenedModel, open_model
from spatialgan.studio.admission import LOOPBACK, Admission
from spatialgan.studio.app import studio_app
from spatialgan.studio.connections import Connection
from spatialgan.studio.discriminators import with_discriminator, with_own_discriminator
from spatialgan.variants import check_choice, shown

BACKLOG = 128  # connections that wait while the models are being opened
MAX_CONNECTIONS = 256  # each holds at most one body in memory
IDLE_SECONDS = 5  # that a connection is kept without a request
WILDCARDS = ("0.0.0.0", "::")


@dataclass(frozen=True)
class Studio:
    """A studio that is ready to be served."""

    listener: socket.socket
    server: uvicorn.Server
    address: str  # the link to open, with its token where one is needed

    def run(self) -> None:
        """Serve until Ctrl-C."""
        self.server.run(sockets=[self.listener])


def make_studio(
    names: list[str], host: str, port: int, discriminators: Mapping[str, Path]
) -> Studio:
    """Return a studio of the models named, or of all shipped ones, on a host and port (0: a free one).

    `discriminators` are files by the name of the model whose images they look at. Raises ValueError if there is no
    such model or no such host, and OSError if the port isn't available.
    """
    listener = listen(host, port)
    port = listener.getsockname()[1]
    admission = admission_of(host, port)
    try:
        models = open_models(names or shipped_models(), discriminators)
        app = studio_app(models, admission)
    except BaseException:
        listener.close()
        raise
    config = uvicorn.Config(
        app,
        http=Connection,
        timeout_keep_alive=IDLE_SECONDS,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=1,
    )
    shown = socket.gethostname() if host in WILDCARDS else host
    address = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/"
    link = f"{address}#token={admission.token}" if admission.token else address
    return Studio(listener, uvicorn.Server(config), link)


def open_models(names: Iterable[str], discriminators: Mapping[str, Path]) -> dict[str, OpenedModel]:
    """Return models by their names, with discriminators where they are given or a run's folder has one."""
    models = {name: open_model(name) for name in names}
    for name in discriminators:
        check_choice(models, "model", name)
    return {
        name: with_discriminator(model, discriminators[name])
        if name in discriminators
        else with_own_discriminator(model)
        for name, model in models.items()
    }


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens already, so that a browser opened too early waits instead of failing."""
    if not host.isascii() or not host.isprintable():
        raise ValueError(f"--host: {shown(host)} is no name or address of a machine")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # the protocol must be said: only then asyncio turns off Nagle's algorithm, which holds back an image's bytes
    # behind its headers until the browser has acknowledged these, 40 ms later
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        wrong = "--host" if isinstance(error, socket.gaierror) else "--port"
        raise OSError(
            f"{host}, port {port}: {error.strerror or error}; choose another {wrong}"
        ) from None
    listener.listen(BACKLOG)
    return listener


def admission_of(host: str, port: int) -> Admission:
    """Return who is let in: on loopback everybody who uses its names, beyond it whoever has a new random token."""
    if is_loopback(host):
        return Admission(port)
    names = {host.lower(), socket.gethostname().lower(), socket.getfqdn().lower()}
    return Admission(port, LOOPBACK | names - set(WILDCARDS), secrets.token_urlsafe(24))


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach a host name or address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
