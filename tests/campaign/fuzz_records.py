"""Damaged records and what else tables, figures, status and resumed measurements read.

A record whose bytes were changed is refused, or says the same; one that says something else under a right checksum is
refused in one line, or becomes a table.
"""

import json
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from spatialgan.data.prepare import load_manifest, prepare_dataset
from spatialgan.evaluation.partial import PartialResults
from spatialgan.provenance import read_stamp, write_stamp
from spatialgan.records import CHECKSUM, checksum, read_sealed, write_record
from spatialgan.reporting.curves import read_curves, write_curves
from spatialgan.reporting.figures import write_figure
from spatialgan.reporting.tables import write_table
from spatialgan.settings.params import Params, load_params
from spatialgan.upkeep.graph import Graph
from spatialgan.upkeep.leftovers import leftovers
from spatialgan.upkeep.status import Status, describe
from tests.campaign.conftest import Campaign
from tests.campaign.damage import damaged_bytes, damaged_data, damaged_text, json_bytes, take
from tests.campaign.fuzz_images import picture
from tests.tiny import ROOT

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

PROFILE, SHA256 = "workstation", "5a" * 32
TABLES = ("objective", "comove", "locality", "drag", "segmenters")
CURVES = "kimg,loss_g,loss_d,real_share\n1,0.5,,2\n2,0.4,0.3,\n3,1e-3,nan,0\n"
CELLS = (
    *("", "nan", "inf", "-1e308", "1e999", "x", '"1,2"', "1" * 400, "0x1", "١", "=1", "kimg", "_"),
    "$\\x$",
)
RUN = "cat/spatialgan/0"


@pytest.fixture
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Params:
    """Return the project's parameters, with results going to an empty folder."""
    monkeypatch.chdir(tmp_path)
    return load_params(ROOT / "params")


def records(params: Params, table: str) -> Iterator[tuple[Path, dict]]:
    """Yield path and content of every record that a table reads, made up."""
    files = params.results(PROFILE)
    for section in params.sections(table).values():
        measures = params.measures(section, PROFILE)
        for run in params.runs(section, PROFILE):
            yield files.run(run).record, trained()
            for file in {style["file"] for _, style in measures}:
                names = [name for name, style in measures if style["file"] == file]
                yield files.metric(run, file), measured(file, names)
        for dataset in params.columns(section, PROFILE):
            for name in section.get("segmenters", []):
                yield files.segmenter(dataset, name).record, segmenter()


def trained() -> dict:
    """Return what a training says."""
    precise = {"kimg": 200.0, "precision": "fp32", "resolution": 32, "commit": "1234567890abcdef"}
    return {**precise, "snapshot_sha256": SHA256, "run": RUN, "images_per_second": 12.5}


def measured(file: str, names: list[str]) -> dict:
    """Return what a measurement says."""
    number, interval = 0.5, {"low": 0.25, "high": 0.75, "std": 0.1}
    groups = {
        "bed": {"objects": 9, "matched": 8, "comove": 0.5},
        "lamp": {"objects": 2, "matched": 0},
    }
    trials = {name: [0.5, 1.5, True, None] for name in names}
    methods = ("latent", "coarse", "coarse+latent+centers")
    return {
        "metrics": dict.fromkeys(names, number),
        "intervals": dict.fromkeys(names, interval),
        "metric_ids": {name: f"scene_{name}10k" for name in names},
        "protocol": {
            **{"extractor": "scene", "extractor_sha256": "ab" * 32, "num_real": 100, "resize": "x"},
            **{"num_fake": 100, "truncation_psi": 1, "dataset_sha256": "cd" * 32, "num_moves": 3},
            **{"segmenter": file.partition("_")[2] or "torchvision", "segmenter_sha256": SHA256},
        },
        "classes": groups,
        "objects_in_frame": {"1": groups["bed"], "2": groups["lamp"]},
        "commit": "1234567890abcdef",
        "snapshot_sha256": SHA256,
        "drags": [{"method": m, "length_px": n, **trials} for m in methods for n in (40, 80)]
        if file == "drags"
        else [],
    }


def segmenter() -> dict:
    """Return what the training of a segmenter says."""
    score = {"ap50": 0.9, "ap": 0.5, "ap75": 0.6, "num_images": 100}
    return {"sha256": SHA256, "held_out": score, "training": {"steps": 10}, "cpu_seconds": 3.5}


def test_changed_records_are_refused_or_say_the_same(campaign: Campaign, tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    write_record(path, measured("comove", ["comove", "strict"]))
    whole, data = read_sealed(path), path.read_bytes()
    for seed in campaign.cases("record", 400):
        dice = random.Random(f"record {seed}")
        path.write_bytes(
            damaged_bytes(data, dice) if dice.random() < 0.7 else damaged_text(data.decode(), dice)
        )
        taken = take(lambda: read_sealed(path), path)
        if taken.fault or (taken.value is not None and taken.value != whole):
            campaign.failed(seed, taken.fault or "says something else")


def test_damaged_manifests_are_refused_or_manifests(campaign: Campaign, tmp_path: Path) -> None:
    row = {"source": "procedural", "scene": "cat"}
    path, archive = tmp_path / "cat.json", tmp_path / "cat.zip"
    prepare_dataset(row, 4, 2, archive, path)
    whole, data = read_sealed(path), path.read_bytes()
    for seed in campaign.cases("manifest", 150):
        dice = random.Random(f"manifest {seed}")
        is_sealed = dice.random() < 0.5
        if is_sealed:
            changed = damaged_data(whole, dice)
            path.write_bytes(json_bytes(sealed(changed), dice))
        else:
            path.write_bytes(damaged_bytes(data, dice))
        taken = take(lambda: load_manifest(path), path)
        if taken.fault:
            campaign.failed(seed, taken.fault)
        elif taken.value is not None and not is_sealed and vars(taken.value) != whole:
            if taken.value.checksum:  # commands that use one refuse it where it has none
                campaign.failed(seed, "says something else")


def sealed(record: Any) -> Any:
    """Return JSON data with the right checksum, where it is a record."""
    if not isinstance(record, dict):
        return record
    try:
        return {**record, CHECKSUM: checksum(record)}
    except (ValueError, UnicodeError):  # which no program writes
        return record


@pytest.mark.parametrize("table", TABLES)
def test_odd_records_are_refused_or_become_tables(
    table: str, campaign: Campaign, params: Params
) -> None:
    whole = dict(records(params, table))
    for path, record in whole.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_record(path, record)
    good = {path: path.read_bytes() for path in whole}
    assert write_table(params, table, PROFILE)
    for seed in campaign.cases(f"records of table {table}", 12):
        dice = random.Random(f"table {table} {seed}")
        path = dice.choice(list(whole))
        changed = sealed(damaged_data(whole[path], dice))
        path.write_bytes(json_bytes(changed, dice))
        taken = take(lambda: write_table(params, table, PROFILE))
        path.write_bytes(good[path])
        fault = taken.fault or ("" if taken.refusal else malformed(taken.value))
        if fault:
            campaign.failed(f"{seed} ({path}: {str(changed)[:200]})", fault)


def malformed(pages: list[Path]) -> str:
    """Return what is wrong with a table's files, "" where nothing is."""
    for page in pages:
        text = page.read_text(encoding="utf-8")
        if page.suffix == ".html" and "<script>" in text:
            return "a script in HTML"
        if page.suffix == ".tex" and "\\input{" in text:
            return "a command in LaTeX"
        if page.suffix == ".json":
            json.loads(text, parse_constant=pytest.fail)
    return ""


def test_damaged_curves_are_refused_or_drawn(campaign: Campaign, params: Params) -> None:
    files = params.results(PROFILE).run(RUN)
    files.curves.parent.mkdir(parents=True)
    for seed in campaign.cases("curves", 200):
        dice = random.Random(f"curves {seed}")
        files.curves.write_bytes(damaged_curves(dice))
        is_drawn = dice.random() < 0.01
        read = (
            partial(write_curves, params, RUN, PROFILE)
            if is_drawn
            else partial(read_curves, files.curves)
        )
        taken = take(read, files.curves)
        if taken.fault:
            campaign.failed(seed, taken.fault)


def damaged_curves(dice: random.Random) -> bytes:
    """Return a table of curves with lines or cells changed."""
    if dice.random() < 0.5:
        return damaged_text(CURVES, dice)
    cells: list[list[str]] = [list(line.split(",")) for line in CURVES.splitlines()]
    line = dice.choice(cells)
    line[dice.randrange(len(line))] = dice.choice(CELLS)
    if dice.random() < 0.2:
        cells += cells[1:] * dice.choice((1, 100))
    return "\n".join(map(",".join, cells)).encode()


def test_damaged_grids_are_refused_or_shown(campaign: Campaign, params: Params) -> None:
    for run in params.runs(params.sections("objective")["objective"], PROFILE):
        path = params.results(PROFILE).run(run).samples
        path.parent.mkdir(parents=True)
        Image.new("RGB", (64, 32), "red").save(path)
    good = path.read_bytes()
    for seed in campaign.cases("grid of samples", 15):
        dice = random.Random(f"grid {seed}")
        data = damaged_bytes(good, dice) if dice.random() < 0.5 else picture(dice)[2]
        path.write_bytes(data)
        taken = take(lambda: write_figure(params, "objective_samples", PROFILE))
        if taken.fault:
            campaign.failed(seed, taken.fault)


def test_changed_partial_results_lose_no_more_than_they_must(
    campaign: Campaign, tmp_path: Path
) -> None:
    path, identity = tmp_path / "x.partial.jsonl", {"run": RUN}
    first = PartialResults(path, identity)
    for number in range(4):
        first.add({"number": number, "values": [0.5, None, True]})
    first.close()
    whole, data = first.batches, path.read_bytes()

    def resume() -> list[dict]:
        resumed = PartialResults(path, identity)
        resumed.close()
        return resumed.batches

    for seed in campaign.cases("partial results", 60):
        dice = random.Random(f"partial {seed}")
        path.write_bytes(
            damaged_bytes(data, dice) if dice.random() < 0.8 else damaged_text(data.decode(), dice)
        )
        taken = take(resume)
        if taken.fault or taken.value != whole[: len(taken.value or [])]:
            campaign.failed(seed, taken.fault or taken.refusal or f"read {taken.value}")


STAMP = {
    "settings": {"a": 1, "b": {"c": [1, 2]}},
    "code": "abc",
    "inputs": {"x.json": "0", "y": "1"},
}


def test_damaged_stamps_make_results_stale(campaign: Campaign, params: Params) -> None:
    graph = Graph(params, PROFILE)
    step = graph.figure("objective_samples")
    need = graph.run(RUN)
    for path in (step.record, need.record):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 8)).save(step.record)
    write_stamp(step.record, STAMP)
    good = step.record.read_bytes()

    def look() -> None:
        assert read_stamp(step.record) is not None
        states = Status(params).closure([step])
        assert describe(states, leftovers(params, PROFILE))

    for seed in campaign.cases("stamp", 30):
        dice = random.Random(f"stamp {seed}")
        stamp = damaged_data(STAMP, dice)
        if dice.random() < 0.5:
            need.record.write_bytes(json_bytes(sealed({**trained(), "made_from": stamp}), dice))
        elif dice.random() < 0.5 and isinstance(stamp, dict):
            write_stamp(step.record, stamp)
        else:
            step.record.write_bytes(damaged_bytes(good, dice))
        taken = take(look)
        step.record.write_bytes(good)
        if taken.fault:
            campaign.failed(f"{seed} ({str(stamp)[:200]})", taken.fault)
