"""Tables of ways to change a region, from made-up results."""

import json
import statistics

import pytest

from spatialgan.records import write_record
from spatialgan.reporting.tables import write_table
from spatialgan.settings.params import Params
from tests.reporting.test_reporting import SNAPSHOT, add_run, params

__all__ = ["params"]  # the fixture

LISTS = ("inside", "outside", "identity", "seconds", "apply")


def add_edits(root, run, ratios, **changed):
    """Write what the measure leaves of a run: resefa's ratios, random ones of 1, and drag's of the first image alone."""
    add_run(root, run, 20.0)
    groups, metrics, intervals = [], {"identity_of_strangers": 0.4}, {}
    tried = {"random": [1.0] * len(ratios), "resefa": ratios, "drag": ratios[:1], "unknown": ratios}
    for level in (0.1, 0.3):
        for method, values in tried.items():
            name = f"{method}_left_{round(100 * level)}"
            for prefix, part in (("", values), ("few_", values[:1])):
                known = [ratio for ratio in part if ratio is not None]
                metrics[f"{prefix}{name}_reached"] = len(known) / len(part)
                if known:
                    metrics[f"{prefix}{name}"] = statistics.median(known)
                    metrics[f"{prefix}{name}_mean"] = statistics.fmean(known)
                    intervals[f"{prefix}{name}"] = {"low": 2.0, "high": 7.0, "std": 1.0}
            head = {"region": "left", "level": level, "method": method, "edit_ratio": values}
            head |= {"needs": "a mask", "serves": "one image"}
            head |= {f"edit_{name}": [0.25] * len(values) for name in LISTS}
            groups.append(head | changed)
    metrics |= {"resefa_fid": 3.5, "resefa_fid_images": 200}
    record = {
        "metrics": metrics,
        "intervals": intervals,
        "protocol": {"num_trials": 4, "ratio_cap": 1000.0},
        "edits": groups,
        "snapshot_sha256": SNAPSHOT,
    }
    write_record(root / "metrics" / run / "local_control.json", record)


def lines_of(page, title):
    """Return the cells of the lines that begin with a title."""
    lines = [line.replace("\\", "") for line in page.splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [line[1:] for line in cells if line[0] == title]


def test_ways_stand_beside_each_other_on_the_same_images_only(params: Params):
    root = params.root("laptop")
    add_edits(root, "bedroom/indoor/0", [2.0, 8.0, 3.0, None])
    write_table(params, "local_bedroom", "laptop")
    page = (root / "tables/local_bedroom.md").read_text()
    assert page.count("ratio at a change of 0.1 inside, 4 images") == 1
    assert page.count("ratio at a change of 0.1 inside, the first 1 of these images, all ways") == 1
    found = lines_of(page, "ReSeFa in W")
    assert found[0] == found[2] == ["3.0 [2.0, 7.0], 4.3; 75%"]
    assert found[1] == found[3] == ["2.0 [2.0, 7.0], 2.0"] and len(found) == 5
    assert len(lines_of(page, "DragGAN, the rest fixed")) == 3
    assert "unknown" not in page.split("- Data:")[0]
    assert page.index("random direction") < page.index("ReSeFa in W ")


def test_costs_say_what_a_way_needs_and_does_elsewhere(params: Params):
    root = params.root("laptop")
    add_edits(root, "bedroom/indoor/0", [2.0, 8.0, 3.0, None])
    write_table(params, "local_bedroom", "laptop")
    page = (root / "tables/local_bedroom.md").read_text()
    cells = lines_of(page, "ReSeFa in W")[-1]
    assert cells[:3] == ["left", "a mask", "one image"] and "3.50 (n = 200)" in cells
    assert cells[-1] == "-"  # the Co-move Ratio is of moves
    assert "at random is 0.400 on average: the floor" in page
    numbers = json.loads((root / "numbers/local_bedroom.json").read_text())
    assert numbers["bedroom"]["indoor"]["left"]["resefa"]["0.1"]["edit_ratio"] == 3
    assert (root / "tables/local_bedroom.csv").read_text().count("\n") == 1 + 2 * (4 + 4 + 1)


def test_what_counts_as_nothing_outside_is_shown_so(params: Params):
    root = params.root("laptop")
    add_edits(root, "bedroom/indoor/0", [1000.0, 1000.0])
    write_table(params, "local_bedroom", "laptop")
    page = (root / "tables/local_bedroom.md").read_text()
    assert lines_of(page, "ReSeFa in W")[0] == ["≥1000 [2.0, 7.0], ≥1000"]


def test_several_trainings_have_the_interval_of_their_mean(params: Params):
    line = params.profiles["laptop"]
    params.profiles["laptop"] = {**line, "seeds": [0, 1]}
    root = params.root("laptop")
    for seed, ratio in enumerate((4.0, 6.0)):
        add_edits(root, f"bedroom/indoor/{seed}", [ratio, ratio])
    write_table(params, "local_bedroom", "laptop")
    page = (root / "tables/local_bedroom.md").read_text()
    assert lines_of(page, "ReSeFa in W")[0] == ["5.0 ± 1.4 [-7.7, 17.7], 5.0"]


def test_numbers_that_are_missing_are_named(params: Params):
    add_edits(params.root("laptop"), "bedroom/indoor/0", [2.0], edit_ratio=3.0)
    with pytest.raises(ValueError, match="bedroom/indoor/0.*has no edit_ratio of its images"):
        write_table(params, "local_bedroom", "laptop")
