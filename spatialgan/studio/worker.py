"""The one worker that computes: jobs take turns, and a job is skipped if its client has gone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from starlette.requests import Request

from spatialgan.scenes.render import one_thread

MAX_WAITING = 64
T = TypeVar("T")


class Gone(Exception):
    """The client left before its turn came."""


class Busy(Exception):
    """More jobs wait than the server keeps."""


class Worker:
    """One thread for all jobs. Each job computes with one CPU thread, so bits don't depend on the machine's cores."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="studio")
        self._waiting = 0

    async def run(self, request: Request, job: Callable[[], T]) -> T:
        """Return what a job returns, once its turn has come.

        Raises Gone if the client has left by then, Busy if too many jobs wait, and what the job raises.
        """
        if self._waiting >= MAX_WAITING:
            raise Busy
        self._waiting += 1
        try:
            async with self._turn:
                if await request.is_disconnected():
                    raise Gone
                loop = asyncio.get_running_loop()
                return await loop.run_in_executor(self._pool, _with_one_thread, job)
        finally:
            self._waiting -= 1


def _with_one_thread(job: Callable[[], T]) -> T:
    with one_thread():
        return job()
