"""Tables of ways to change a region, from made-up results."""

import json

import pytest

from spatialgan.records import write_record
from spatialgan.reporting.tables import write_table
from spatialgan.settings.params import Params
from tests.reporting.test_reporting import SNAPSHOT, add_run, params

__all__ = ["params"]  # the fixture


def add_edits(root, run, ratios, **changed):
    """Write what the measure leaves of a run whose resefa has these ratios and whose random ones are 1."""
    add_run(root, run, 20.0)
    known = [ratio is not None for ratio in ratios]
    groups = [
        {
            "region": "left",
            "level": level,
            "method": method,
            "edit_ratio": values,
            "edit_reached": known,
            "edit_identity": [0.9] * len(values),
            "edit_seconds": [0.25] * len(values),
            **changed,
        }
        for level in (0.1, 0.3)
        for method, values in (
            ("resefa", ratios),
            ("random", [1.0] * len(ratios)),
            ("other", ratios),
        )
    ]
    record = {
        "metrics": {},
        "protocol": {"num_trials": 4},
        "edits": groups,
        "snapshot_sha256": SNAPSHOT,
    }
    write_record(root / "metrics" / run / "local_control.json", record)


def test_a_line_per_region_and_method_and_a_table_per_level(params: Params):
    root = params.root("laptop")
    add_edits(root, "bedroom/indoor/0", [2.0, 8.0, 3.0, None])
    write_table(params, "local_bedroom", "laptop")
    page = (root / "tables/local_bedroom.md").read_text()
    assert page.count("at a change of 0.1 inside") == page.count("at a change of 0.3 inside") == 1
    lines = [line for line in page.splitlines() if " ReSeFa in W |" in line]
    assert len(lines) == 2
    assert "3.0 (2.1-7.5), 4.3" in lines[0] and "3 of 4" in lines[0] and "0.250" in lines[0]
    assert page.index("random direction") < page.index(" ReSeFa in W |") and "other" not in lines[0]
    numbers = json.loads((root / "numbers/local_bedroom.json").read_text())
    assert numbers["bedroom"]["indoor"]["left"]["resefa"]["0.1"]["edit_ratio"] == 3
    csv = (root / "tables/local_bedroom.csv").read_text()
    assert csv.count("\n") == 1 + 2 * 2 * 4


def test_numbers_that_are_missing_are_named(params: Params):
    add_edits(params.root("laptop"), "bedroom/indoor/0", [2.0], edit_ratio=3.0)
    with pytest.raises(ValueError, match="bedroom/indoor/0.*has no edit_ratio of its images"):
        write_table(params, "local_bedroom", "laptop")
