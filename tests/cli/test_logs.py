"""How much commands say: -v and -q."""

import logging

import pytest

from spatialgan.cli.logs import configure_logging


@pytest.fixture(autouse=True)
def logging_as_before():
    root, package = logging.getLogger(), logging.getLogger("spatialgan")
    before = root.level, package.level
    yield
    configure_logging(0)
    package.removeHandler(package.handlers[-1])
    root.setLevel(before[0])
    package.setLevel(before[1])


def said(capsys: pytest.CaptureFixture, verbosity: int) -> list[str]:
    """Return what reaches stderr of one message of each level, and of one of another package."""
    configure_logging(verbosity)
    capsys.readouterr()
    log = logging.getLogger("spatialgan.training.loop")
    for level in ("debug", "info", "warning", "error"):
        getattr(log, level)(level)
    logging.getLogger("another").info("another's info")
    output = capsys.readouterr()
    assert output.out == ""
    return output.err.splitlines()


@pytest.mark.parametrize(
    ("verbosity", "lines"),
    [
        (-5, ["error"]),
        (-2, ["error"]),
        (-1, ["warning", "error"]),
        (0, ["info", "warning", "error"]),
    ],
)
def test_quiet_says_less(capsys, verbosity, lines):
    assert said(capsys, verbosity) == lines


def test_verbose_says_more_and_from_where(capsys):
    assert said(capsys, 1)[0] == "spatialgan.training.loop: debug"
    assert "another: another's info" not in said(capsys, 1)
    assert "another: another's info" in said(capsys, 2)


def test_configuring_again_replaces(capsys):
    said(capsys, 2)
    assert said(capsys, 0) == ["info", "warning", "error"]
