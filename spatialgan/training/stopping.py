"""Being asked to stop: SIGTERM, as workflows and clusters send it, and Ctrl-C.

It imports nothing heavy, so that a request is noticed from a command's first moment.
"""

import signal
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Preempted(Exception):
    """Training was asked to stop, and its state is saved."""


class Stopped(BaseException):
    """A command was asked to stop where nothing has to be saved; no reader may take it for damage of what it reads."""


@contextmanager
def stop_at_once() -> Iterator[None]:
    """Raise Stopped when a request comes, as long as there is nothing to save."""

    def stop(number: int, frame: object) -> None:
        raise Stopped("stopped; rerun the command to resume")

    with _handling(stop):
        yield


@contextmanager
def stop_requests() -> Iterator[list[int]]:
    """Collect requests in a list instead of ending: the loop looks at it between steps.

    A second Ctrl-C ends the program where it is.
    """
    received: list[int] = []

    def note(number: int, frame: object) -> None:
        if number == signal.SIGINT and number in received:
            raise KeyboardInterrupt
        received.append(number)

    with _handling(note):
        yield received


def ignore_interrupts(worker: int) -> None:
    """Leave Ctrl-C, which reaches all processes of a terminal, to the process that trains."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _handling(handler) -> Iterator[None]:
    former = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handle in former.items():
            signal.signal(number, handle)
