"""What the campaign's tests share: how many cases each tries, and the table of what was tried and what failed.

A test of the campaign tries the same thing on many seeds:

    def test_snapshots(campaign):
        for seed in campaign.cases("load_snapshot", bounded=200):
            ...
            campaign.failed(seed, "was accepted")

In the usual suite it tries `bounded` of them, always the same. `make campaign` gives all tests together some minutes
(`--campaign-minutes`). Each process of pytest gets tests of as many shares as the others, and divides what is left of
the time by the shares that it has yet to do: a test counts as one, or as many as its marker says,
`pytest.mark.campaign(shares=5)`. So what one test takes too long, such as in preparing, the next ones have less.

Seeds count from `--campaign-seed` on, so that a campaign can be another one than the last.
"""

import itertools
import json
import os
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

PROPERTY = "campaign"
PROCESSES = "PYTEST_XDIST_WORKER_COUNT"
SHOWN = 5  # failures of one test that are named
KILLS, FAULTS = ", kills", ", faults"  # how the names of such cases end; all others are inputs

STARTED = time.monotonic()

_configs: list[pytest.Config] = []
_totals: dict[str, list[int]] = {}  # tried and failed, by what was tried


@dataclass
class Campaign:
    """The cases of one test."""

    ends: float  # of this test's share of the time, by the monotonic clock; 0: after the bounded number of cases
    first: int = 0  # seed
    counts: dict[str, list[int]] = field(default_factory=dict)  # tried and failed
    failures: list[str] = field(default_factory=list)
    _now: str = ""

    def cases(self, what: str | Callable[[int], str], bounded: int) -> Iterator[int]:
        """Yield seeds, each a case of `what` (a loader or a command), until the share is spent; one at least.

        `what` may be a function of the seed.
        """
        for tried, seed in enumerate(itertools.count(self.first)):
            goes_on = time.monotonic() < self.ends if self.ends else tried < bounded
            if tried and not goes_on:
                return
            self._now = what if isinstance(what, str) else what(seed)
            self.counts.setdefault(self._now, [0, 0])[0] += 1
            yield seed

    def failed(self, case: object, why: str) -> None:
        """Note that a case failed; the test goes on and fails in the end."""
        self.counts[self._now][1] += 1
        said = f"{self._now}, case {case}: {why}"
        self.failures.append(said.encode("utf-8", "backslashreplace").decode())


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """Return the cases of a test; at its end, fail it with what failed."""
    found = Campaign(_end_of_share(request), int(str(request.config.getoption("campaign_seed"))))
    yield found
    request.node.user_properties.append((PROPERTY, found.counts))
    if found.failures:
        more = len(found.failures) - SHOWN
        named = [*found.failures[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        pytest.fail("\n".join(named), pytrace=False)


def _end_of_share(request: pytest.FixtureRequest) -> float:
    """Return when a test is to end, by the monotonic clock; 0 where the campaign has no minutes."""
    minutes = request.config.getoption("campaign_minutes")
    if not minutes:
        return 0
    started = getattr(request.config, "workerinput", {}).get(PROPERTY, STARTED)
    items = request.node.session.items
    mine = [item for item in items if _process(item) == _process(request.node)]
    left = mine[mine.index(request.node) :]
    return end_of_share(time.monotonic(), started + 60 * minutes, list(map(_shares, left)))


def end_of_share(now: float, ends: float, shares: Sequence[int]) -> float:
    """Return when a test ends that has the first of the shares that are left of the time until `ends`, in seconds.

    Where no time is left, on a busy machine, the test is skipped.
    """
    if now >= ends:
        pytest.skip("no time is left")
    return now + (ends - now) * shares[0] / sum(shares)


def _shares(item: pytest.Item) -> int:
    """Return how many shares of the time a test gets."""
    marker = item.get_closest_marker("campaign")
    return 0 if marker is None else marker.kwargs.get("shares", 1)


def _process(item: pytest.Item) -> str:
    """Return which of pytest's processes runs a test."""
    marker = item.get_closest_marker("xdist_group")
    return "" if marker is None else marker.args[0]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give each process tests of as many shares as the others, those of many shares first."""
    if not config.getoption("campaign_minutes"):
        return
    shares = {f"process {n}": 0 for n in range(int(os.environ.get(PROCESSES, "1")))}
    items.sort(key=_shares, reverse=True)
    for item in items:
        least = min(shares, key=lambda name: shares[name])
        shares[least] += _shares(item)
        item.add_marker(pytest.mark.xdist_group(least))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a process when the campaign started: all have the same monotonic clock."""
    node.workerinput[PROPERTY] = STARTED


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Escape what a test printed of names that are no text: processes exchange nothing else."""
    report = yield
    report.sections = [
        (name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections
    ]
    return report


def pytest_configure(config: pytest.Config) -> None:
    """Keep where pytest's reporter will be."""
    _configs.append(config)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what the tests tried, in the process that prints, and print what failed at once: the end is an hour away."""
    if report.when != "teardown":
        return
    if report.failed and report.user_properties:
        reporter = _configs[0].pluginmanager.get_plugin("terminalreporter")
        assert reporter is not None
        reporter.write_line(f"\n{report.nodeid}\n{report.longreprtext}")
    for name, counts in report.user_properties:
        if name == PROPERTY and isinstance(counts, dict):
            for what, (tried, failed) in counts.items():
                total = _totals.setdefault(what, [0, 0])
                total[0] += tried
                total[1] += failed


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print tried and failed per loader and command; write them to the file of --campaign-report."""
    if not config.getoption("campaign_minutes") or not _totals:
        return
    lines = {**dict(sorted(_totals.items())), **_sums()}
    width = max(map(len, lines))
    terminalreporter.section("campaign")
    terminalreporter.write_line(f"{'':{width}} {'tried':>9} {'failed':>7}")
    for what, (tried, failed) in lines.items():
        terminalreporter.write_line(f"{what:{width}} {tried:9,} {failed:7,}")
    report = config.getoption("campaign_report")
    if report:
        named = {what: {"tried": n, "failed": failed} for what, (n, failed) in lines.items()}
        Path(report).write_text(json.dumps(named, indent=2) + "\n", encoding="utf-8")


def _sums() -> dict[str, list[int]]:
    """Return tried and failed of all inputs, kills and faults."""
    sums = {"all inputs": [0, 0], "all kills": [0, 0], "all faults": [0, 0]}
    for what, counts in _totals.items():
        kind = next((end for end in (KILLS, FAULTS) if what.endswith(end)), ", inputs")
        for place, count in enumerate(counts):
            sums[f"all {kind[2:]}"][place] += count
    return sums
