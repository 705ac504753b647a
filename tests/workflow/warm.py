"""Snakemake, DVC and `spatialgan` in forks of a process that has imported them, and PyTorch: a start takes no seconds.

What belongs to the project is imported by the fork, from the copy of the project in which it runs.
"""

import json
import multiprocessing
import os
import shutil
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from socketserver import BaseRequestHandler, ForkingMixIn, UnixStreamServer
from subprocess import CompletedProcess
from tempfile import TemporaryDirectory

MAINS = {"snakemake": "snakemake.cli", "dvc": "dvc.cli", "spatialgan": "spatialgan.cli.main"}
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(
    [
        *("torch", "torch._dynamo", "torchvision", "torch_fidelity", "safetensors.torch"),
        *("jinja2", "jsonschema", "matplotlib.figure", "pandas", "PIL.Image", "scipy.stats"),
        *(MAINS["snakemake"], MAINS["dvc"]),
    ]
)

# What stands in for `spatialgan` and `python -m spatialgan`: hands its arguments and its outputs to the server, and ends
# as the fork does.
COMMAND = """#!{python} -ISE
import json, os, socket, sys
if sys.argv[0].endswith("python"):
    if sys.argv[1:3] != ["-m", "spatialgan"]:
        os.execv({python!r}, [{python!r}, *sys.argv[1:]])
    del sys.argv[1:3]
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
asked = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
socket.send_fds(server, [len(asked).to_bytes(4, "big")], [1, 2])
server.sendall(asked)
sys.exit(int(server.makefile().read() or 1))
"""


def run(
    program: str, arguments: tuple[str, ...], folder: Path, environment: dict[str, str]
) -> CompletedProcess[str]:
    """Run a program's command line in a folder to its end."""
    with TemporaryDirectory() as said:
        out, err = Path(said) / "stdout", Path(said) / "stderr"
        process = FORKS.Process(
            target=_run_apart, args=(program, arguments, folder, environment, (out, err))
        )
        process.start()
        process.join()
        return CompletedProcess(
            (program, *arguments),
            process.exitcode or 0,
            out.read_text(errors="replace"),
            err.read_text(errors="replace"),
        )


@contextmanager
def commands(folder: Path) -> Iterator[Path]:
    """Serve `spatialgan` from forks; yield a folder with commands that ask for them, to be put first on PATH."""
    address, place = folder / "server", folder / "bin"
    place.mkdir(parents=True)
    for name in ("spatialgan", "python"):
        command = place / name
        command.write_text(COMMAND.format(python=sys.executable, address=str(address)))
        command.chmod(0o755)
    ready, listening = FORKS.Pipe(duplex=False)
    server = FORKS.Process(target=_serve, args=(address, listening))
    server.start()
    assert ready.recv()
    try:
        yield place
    finally:
        server.terminate()
        server.join()


class _Servant(BaseRequestHandler):
    """In a fork of the server: be the command for one caller."""

    def handle(self) -> None:
        size, outputs, _, _ = socket.recv_fds(self.request, 4, 2)
        asked = self.request.makefile("rb").read(int.from_bytes(size, "big"))
        arguments, folder, environment = json.loads(asked)
        code = 1
        try:
            _be("spatialgan", arguments, Path(folder), environment, outputs)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            self.request.sendall(str(code).encode())


class _Server(ForkingMixIn, UnixStreamServer):
    max_children = 100


def _serve(address: Path, listening) -> None:
    """Answer until terminated."""
    with _Server(str(address), _Servant) as server:
        listening.send(True)
        server.serve_forever()


def _run_apart(
    program: str,
    arguments: tuple[str, ...],
    folder: Path,
    environment: dict[str, str],
    said: tuple[Path, Path],
) -> None:
    """In the fork: be the program, with files for outputs."""
    outputs = [os.open(path, os.O_WRONLY | os.O_CREAT) for path in said]
    _be(program, arguments, folder, environment, outputs)


def _be(program: str, arguments, folder: Path, environment: dict[str, str], outputs) -> None:
    """Become the program in a folder; raises SystemExit at its end."""
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    for number, output in zip((1, 2), outputs, strict=True):
        os.dup2(output, number)
    here = str(Path(__file__).parents[2])
    sys.path = [str(folder), *(place for place in sys.path if place not in ("", here))]
    sys.argv = [program, *arguments]
    # beside it the workflow looks for the command
    sys.executable = shutil.which("python", path=environment["PATH"]) or sys.executable
    sys.exit(import_module(MAINS[program]).main())
