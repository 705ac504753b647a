"""Run a command in a child process and disturb it at one of its file operations.

What counts as an operation: opening a file of the command's folder, writing to it, and syncing, renaming, deleting or
making a name there. At the chosen one the process is killed, or the operation fails as a disk or a system does. The
child is a fork, so that a case costs no start of Python.
"""

import builtins
import errno
import io
import os
import signal
import sys
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLS = ("kill", "halfkill")
FAULTS = ("EIO", "ENOSPC", "EMFILE", "short")
DEADLINE = 120  # seconds of one command


@dataclass(frozen=True)
class Outcome:
    """How a command ended."""

    code: int  # exit code, negative for the signal that ended it
    said: str  # on stderr
    operations: list[str]  # all file operations, in order
    modules: list[str]  # all that the child had imported; none of one that was killed

    @property
    def killed(self) -> bool:
        """Return whether SIGKILL ended it."""
        return self.code == -signal.SIGKILL


def run(command: Callable[[], Any], folder: Path, kind: str = "", at: int = -1) -> Outcome:
    """Run a command in a folder, disturbed at operation `at`; -1: not at all."""
    log, counted, imported = (
        folder.with_name(f"{folder.name}.{suffix}") for suffix in ("log", "count", "modules")
    )
    for path in (log, counted, imported):
        path.unlink(missing_ok=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's threads are idle
        child = os.fork()
    if child == 0:
        _in_child(command, folder, Disturber(folder, kind, at, counted), log, imported)
    deadline = time.monotonic() + DEADLINE
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        if time.monotonic() > deadline:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise TimeoutError(f"{DEADLINE} s: {log.read_text(errors='replace')[-500:]}")
        time.sleep(0.002)
    operations = counted.read_text().splitlines() if counted.exists() else []
    said = log.read_text(errors="replace") if log.exists() else ""
    modules = imported.read_text().split() if imported.exists() else []
    return Outcome(os.waitstatus_to_exitcode(status), said, operations, modules)


def _in_child(
    command: Callable[[], Any], folder: Path, disturber: "Disturber", log: Path, imported: Path
) -> None:
    """Run the command and end the process; nothing of pytest's may run here."""
    code = 70
    try:
        os.chdir(folder)
        said = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        for number in (1, 2):
            os.dup2(said, number)
        sys.stdout = io.TextIOWrapper(io.FileIO(1, "w", closefd=False), line_buffering=True)
        sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), line_buffering=True)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        disturber.install()
        command()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        imported.write_text("\n".join(sys.modules))
        os._exit(code)


class Disturber:
    """Counts the file operations below a folder and disturbs one."""

    def __init__(self, folder: Path, kind: str, at: int, counted: Path) -> None:
        self.prefix, self.folder, self.kind, self.at = f"{folder}{os.sep}", folder, kind, at
        self.count = 0
        self.counted = os.open(counted, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def install(self) -> None:
        """Put this between the program and its files."""
        real_open = io.open

        def opened(file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
            if not self.is_inside(file):
                return real_open(file, mode, *arguments, **options)
            self.step("open", file)
            if set(mode) <= set("rbtU"):
                return real_open(file, mode, *arguments, **options)
            raw = _Raw(self, os.fspath(file), mode.replace("b", "").replace("t", ""))
            buffered = io.BufferedRandom(raw) if "+" in mode else io.BufferedWriter(raw)
            return buffered if "b" in mode else io.TextIOWrapper(buffered, encoding="utf-8")

        builtins.open = io.open = opened
        for name in ("replace", "rename", "unlink", "mkdir", "open"):
            setattr(os, name, self._counting(name, getattr(os, name)))
        os.fsync = self._counting("fsync", os.fsync)

    def _counting(self, name: str, real: Callable) -> Callable:
        def counting(path: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(path, int) or self.is_inside(path):
                self.step(name, path)
            return real(path, *arguments, **options)

        return counting

    def is_inside(self, path: Any) -> bool:
        """Return whether a path is one of the command's folder."""
        if not isinstance(path, str | os.PathLike):
            return False
        whole = os.path.join(self.folder, os.fspath(path))
        return whole.startswith(self.prefix)

    def step(self, name: str, path: Any) -> bool:
        """Count an operation; at the chosen one kill, raise, or return True where half of it is to be done."""
        here = self.count
        self.count += 1
        os.write(self.counted, f"{name} {path}\n".encode())
        if here != self.at:
            return False
        if name == "write" and self.kind in ("halfkill", "short"):
            return True
        if self.kind in KILLS:
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, "ENOSPC" if self.kind == "short" else self.kind)
        names = [] if name in ("write", "fsync") else [os.fspath(path)]
        raise OSError(number, os.strerror(number), *names)


class _Raw(io.FileIO):
    """A file whose writes are counted."""

    def __init__(self, disturber: Disturber, path: str, mode: str) -> None:
        super().__init__(path, mode)
        self.disturber, self.path, self.is_full = disturber, path, False

    def write(self, data: Any) -> int:
        """Write, or write half and die or find the disk full."""
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if not self.disturber.step("write", self.path):
            return super().write(data)
        written = super().write(memoryview(data).cast("B")[: max(1, memoryview(data).nbytes // 2)])
        if self.disturber.kind == "halfkill":
            os.kill(os.getpid(), signal.SIGKILL)
        self.is_full = True
        return written
