"""What the campaign's tests share: how many cases each tries, and the table of what was tried and what failed.

A test of the campaign tries the same thing on many seeds:

    def test_snapshots(campaign):
        for seed in campaign.cases("load_snapshot", bounded=200):
            ...
            campaign.failed(seed, "was accepted")

In the usual suite it tries `bounded` of them, always the same. `make campaign` gives all tests together some minutes
(`--campaign-minutes`), shared evenly, and each goes on until its share is spent.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

PROPERTY = "campaign"
SHOWN = 5  # failures of one test that are named

_totals: dict[str, list[int]] = {}  # tried and failed, by what was tried


@dataclass
class Campaign:
    """The cases of one test."""

    seconds: float  # this test's share of the time; 0: the bounded number of cases
    counts: dict[str, list[int]] = field(default_factory=dict)  # tried and failed
    failures: list[str] = field(default_factory=list)
    _now: str = ""

    def cases(self, what: str, bounded: int) -> Iterator[int]:
        """Yield seeds from 0 on, each a case of `what` (a loader or a command), until the share is spent."""
        self._now, ends, seed = what, time.monotonic() + self.seconds, 0
        counts = self.counts.setdefault(what, [0, 0])
        while seed < bounded or (self.seconds and time.monotonic() < ends):
            counts[0] += 1
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
    tests = sum(item.get_closest_marker("campaign") is not None for item in request.session.items)
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    found = Campaign(60 * minutes * min(processes, tests) / tests)
    yield found
    request.node.user_properties.append((PROPERTY, found.counts))
    if found.failures:
        more = len(found.failures) - SHOWN
        named = [*found.failures[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        pytest.fail("\n".join(named), pytrace=False)


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
    """Print tried and failed per loader and command."""
    if not config.getoption("campaign_minutes") or not _totals:
        return
    width = max(map(len, _totals))
    terminalreporter.section("campaign")
    terminalreporter.write_line(f"{'':{width}} {'tried':>9} {'failed':>7}")
    for what, (tried, failed) in sorted(_totals.items()):
        terminalreporter.write_line(f"{what:{width}} {tried:9,} {failed:7,}")
    tried, failed = (sum(counts[i] for counts in _totals.values()) for i in (0, 1))
    terminalreporter.write_line(f"{'all':{width}} {tried:9,} {failed:7,}")
