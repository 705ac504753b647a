"""What every test shares: one thread, no network, and no GPU test without a GPU.

Annotations, shapes included, are checked while tests run: see `addopts` in pyproject.toml.
"""

import os

# Tiny tensors: threads only cost, and two cores are shared. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import socket
from ipaddress import ip_address

import pytest
import torch

torch.set_num_threads(1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the two files that take longest first: the workflow in miniature and training."""
    first = ("test_workflow.py", "test_training.py")
    items.sort(
        key=lambda item: first.index(item.path.name) if item.path.name in first else len(first)
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test marked `gpu`, saying why, where torch sees no CUDA device."""
    if item.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device")


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse connections that leave this machine; loopback and Unix sockets work."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            raise OSError(f"tests use no network, refused: {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


def _is_loopback(host: str) -> bool:
    """Return whether a host name or address is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
