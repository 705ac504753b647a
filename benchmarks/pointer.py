"""Chromium driven over a pipe, with as little as possible in the way of what is measured.

Playwright follows every request of a page and waits until each movement of the pointer has been handled, which takes a
fifth of two cores and makes a slow pointer. This sends DevTools messages only, and moves the pointer when it is time,
as a mouse does.
"""

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.browser import ARGUMENTS, CHROMIUM

TIMEOUT = 60.0  # seconds that an answer may take
END = b"\0"  # of a message


class Page:
    """A page of a browser that listens at one end of a pipe and talks at another."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._pipe = to_browser
        self._count = 0
        self._session = ""
        self._answers: dict[int, Any] = {}
        self._news = threading.Condition()
        threading.Thread(target=self._listen, args=(from_browser,), daemon=True).start()
        target = self.ask("Target.createTarget", url="about:blank")
        found = self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = found["sessionId"]
        size = {"width": 1400, "height": 900, "deviceScaleFactor": 1}
        self.ask("Emulation.setDeviceMetricsOverride", mobile=False, **size)

    def _listen(self, source: int) -> None:
        with os.fdopen(source, "rb") as pipe:
            left = b""
            while part := pipe.read1():
                *messages, left = (left + part).split(END)
                for message in map(json.loads, messages):
                    if "id" in message:
                        with self._news:
                            self._answers[message["id"]] = message
                            self._news.notify_all()

    def tell(self, method: str, **parameters: Any) -> int:
        """Send a message and don't wait; return its number."""
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._pipe, json.dumps(message).encode() + END)
        return self._count

    def ask(self, method: str, **parameters: Any) -> Any:
        """Send a message and return its answer; raises RuntimeError for an error, TimeoutError for none."""
        number = self.tell(method, **parameters)
        with self._news:
            if not self._news.wait_for(lambda: number in self._answers, TIMEOUT):
                raise TimeoutError(f"Chromium did not answer {method}")
            answer = self._answers.pop(number)
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']}")
        return answer["result"]

    def evaluate(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def wait_until(self, expression: str) -> None:
        """Wait until an expression is true; raises TimeoutError."""
        end = time.monotonic() + TIMEOUT
        while not self.evaluate(expression):
            if time.monotonic() > end:
                raise TimeoutError(expression)
            time.sleep(0.05)

    def mouse(self, kind: str, x: float, y: float) -> None:
        """Move, press or release the mouse."""
        held = 0 if kind == "mouseReleased" else 1
        button = "none" if kind == "mouseMoved" else "left"
        self.tell(
            "Input.dispatchMouseEvent",
            type=kind,
            x=x,
            y=y,
            button=button,
            buttons=held,
            clickCount=1,
        )


@contextmanager
def pointer_page() -> Iterator[Page]:
    """Yield a page of a new headless Chromium."""
    if not CHROMIUM:
        raise ValueError("no Chromium is installed: apt-get install chromium")
    its_in, our_out = os.pipe()
    our_in, its_out = os.pipe()
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        options = ["--headless=new", "--remote-debugging-pipe", f"--user-data-dir={folder}"]
        command = [CHROMIUM, *ARGUMENTS, *options, "about:blank"]
        joined = f'exec "$@" 3<&{its_in} 4>&{its_out}'  # where Chromium expects its pipe; sh knows one digit only
        with subprocess.Popen(
            ["bash", "-c", joined, "bash", *command],
            pass_fds=(its_in, its_out),
            stderr=subprocess.DEVNULL,
        ) as browser:
            os.close(its_in)
            os.close(its_out)
            try:
                yield Page(our_out, our_in)
            finally:
                browser.terminate()
                os.close(our_out)
