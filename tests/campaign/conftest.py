"""What the campaign's tests share: how many cases each tries, and the table of what was tried and what failed.

A test of the campaign tries the same thing on many seeds:

    def test_snapshots(campaign):
        for seed in campaign.cases("load_snapshot", bounded=200):
            ...
            campaign.failed(seed, "was accepted")

In the usual suite it tries `bounded` of them, always the same. `make campaign` gives all tests together some minutes
(`--campaign-minutes`), and each goes on until its share is spent: one of all shares, or as many as its marker says,
`pytest.mark.campaign(shares=5)`.
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

PROPERTY = "campaign"
SHOWN = 5  # failures of one test that are named
KILLS, FAULTS = ", kills", ", faults"  # how the names of such cases end; all others are inputs

_totals: dict[str, list[int]] = {}  # tried and failed, by what was tried


@dataclass
class Campaign:
    """The cases of one test."""

    seconds: float  # this test's share of the time; 0: the bounded number of cases
    counts: dict[str, list[int]] = field(default_factory=dict)  # tried and failed
    failures: list[str] = field(default_factory=list)
    _now: str = ""

    def cases(self, what: str | Callable[[int], str], bounded: int) -> Iterator[int]:
        """Yield seeds from 0 on, each a case of `what` (a loader or a command), until the share is spent.

        `what` may be a function of the seed.
        """
        ends, seed = time.monotonic() + self.seconds, 0
        while seed < bounded or (self.seconds and time.monotonic() < ends):
            self._now = what if isinstance(what, str) else what(seed)
            self.counts.setdefault(self._now, [0, 0])[0] += 1
            yield seed
            seed += 1

    def failed(self, case: object, why: str) -> None:
        """Note that a case failed; the test goes on and fails in the end."""
        self.counts[self._now][1] += 1
        self.failures.append(f"{self._now}, case {case}: {why}")


@pytest.fixture
def campaign(request: pytest.FixtureRequest) -> Iterator[Campaign]:
    """Return the cases of a test; at its end, fail it with what failed."""
    minutes = request.config.getoption("campaign_minutes")
    shares = [_shares(item) for item in request.session.items]
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    seconds = 60 * minutes * min(processes, sum(map(bool, shares)))
    found = Campaign(seconds * _shares(request.node) / sum(shares))
    yield found
    request.node.user_properties.append((PROPERTY, found.counts))
    if found.failures:
        more = len(found.failures) - SHOWN
        named = [*found.failures[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        pytest.fail("\n".join(named), pytrace=False)


def _shares(item: pytest.Item) -> int:
    """Return how many shares of the time a test gets."""
    marker = item.get_closest_marker("campaign")
    return 0 if marker is None else marker.kwargs.get("shares", 1)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what the tests tried, in the process that prints."""
    if report.when != "teardown":
        return
    for name, counts in report.user_properties:
        if name == PROPERTY:
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
