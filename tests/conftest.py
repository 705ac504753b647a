"""What every test shares: one thread, no network, and no GPU test without a GPU.

Annotations, shapes included, are checked while tests run: see `addopts` in pyproject.toml.
"""

import os

# Tiny tensors: threads only cost, and two cores are shared. Set before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Both processes and every command that a test starts read the same code: it is compiled once for all of them.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

import socket
from ipaddress import ip_address

import jaxtyping
import pytest
import torch

torch.set_num_threads(1)


# The files that take longest, longest first: the second process then never waits for the last of them.
LONGEST = (
    "test_workflow.py",
    "kills_commands.py",
    "test_page.py",
    "test_dvc.py",
    "test_demo.py",
    "test_page_views.py",
    "test_training.py",
    "test_resuming.py",
    "test_server.py",
    "test_drawn.py",
    "test_comove.py",
    "test_fidelity.py",
    "test_malicious.py",
    "test_model.py",
    "test_project.py",
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the time that the tests of tests/campaign have together, and where they report."""
    parser.addoption(
        "--campaign-minutes",
        type=float,
        default=0.0,
        help="Minutes that the tests marked campaign share; 0: a few fixed cases each.",
    )
    parser.addoption("--campaign-seed", type=int, default=0, help="Seed of each test's first case.")
    parser.addoption(
        "--campaign-report",
        default="",
        help="JSON file for what the campaign tried and what failed.",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the files of LONGEST before all others."""
    items.sort(
        key=lambda item: (
            LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST)
        )
    )


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Check annotations unless a test is marked `unchecked`; skip one marked `gpu` where there is no CUDA device."""
    jaxtyping.config.update("jaxtyping_disable", item.get_closest_marker("unchecked") is not None)
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
