"""Damaged inputs of `spatialgan verify`: each is one line of a fault, or a refusal in one line."""

import json
import random
from pathlib import Path

import pytest
import yaml

from spatialgan.files import file_sha256
from spatialgan.records import write_record
from spatialgan.results import Results
from spatialgan.upkeep.verify import audit, may_be_pulled, results_checks, store_checks
from tests.campaign.conftest import Campaign
from tests.campaign.damage import damaged_bytes, damaged_data, damaged_text, json_bytes, take
from tests.campaign.fuzz_params import damaged_yaml
from tests.tiny import tiny_archive, tiny_snapshot

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

MD5 = "0123456789abcdef" * 2
LOCK = {
    "schema": "2.0",
    "stages": {
        "runs": {
            "cmd": "snakemake",
            "deps": [{"path": "params", "md5": f"{MD5}.dir", "size": 3, "nfiles": 2}],
            "outs": [{"path": "results/snapshots", "md5": f"{MD5}.dir", "hash": "md5"}],
        }
    },
}
CONFIG = "[core]\n    remote = store\n    no_scm = true\n[cache]\n    dir = cache\n['remote \"store\"']\n    url = ../store\n"
LISTING = [{"md5": MD5, "relpath": "cat/x.safetensors"}, {"md5": MD5[::-1], "relpath": "y"}]


def test_damaged_files_of_dvc_are_refused_or_used(campaign: Campaign, tmp_path: Path) -> None:
    lock, config = tmp_path / "dvc.lock", tmp_path / ".dvc/config"
    objects = tmp_path / "store/files/md5" / MD5[:2]
    objects.mkdir(parents=True)
    config.parent.mkdir()
    listing = objects / f"{MD5[2:]}.dir"

    def look() -> None:
        audit(store_checks(tmp_path))
        may_be_pulled(tmp_path, Path("results/snapshots/cat"))

    for seed in campaign.cases("files of DVC", 120):
        dice = random.Random(f"dvc {seed}")
        lock.write_text(yaml.safe_dump(LOCK))
        config.write_text(CONFIG)
        listing.write_text(json.dumps(LISTING))
        match dice.randrange(4):
            case 0 | 1:
                lock.write_bytes(damaged_yaml(LOCK, lock.read_text(), dice))
            case 2:
                config.write_bytes(damaged_text(CONFIG, dice))
            case _:
                listing.write_bytes(json_bytes(damaged_data(LISTING, dice), dice))
        taken = take(look)
        if taken.fault:
            campaign.failed(seed, taken.fault)


def test_changed_results_are_named(campaign: Campaign, tmp_path: Path) -> None:
    results = Results(tmp_path)
    data = tiny_archive(tmp_path, 2, 8)
    run = results.run("cat/spatialgan/0")
    tiny_snapshot(run.snapshot)
    run.record.parent.mkdir(parents=True)
    write_record(run.record, {"snapshot_sha256": file_sha256(run.snapshot)})
    write_record(data.manifest, {"sha256": file_sha256(data.archive)})
    metric = results.metric(run.name, "comove")
    metric.parent.mkdir(parents=True)
    write_record(metric, {"metrics": {"comove": 0.5}})
    good = {
        path: path.read_bytes() for path in (*vars(data).values(), run.snapshot, run.record, metric)
    }
    assert not audit(results_checks(results)).faults
    for seed in campaign.cases("results to verify", 20):
        dice = random.Random(f"verify {seed}")
        path = dice.choice(list(good))
        changed = damaged_bytes(good[path], dice)
        path.write_bytes(changed)
        taken = take(lambda: audit(results_checks(results)).faults)
        path.write_bytes(good[path])
        if taken.fault:
            campaign.failed(f"{seed} ({path.name})", taken.fault)
        elif not (
            says_the_same(changed, good[path]) or any(path.name in one for one in taken.value)
        ):
            campaign.failed(f"{seed} ({path.name})", f"isn't named: {taken.value}")


def says_the_same(changed: bytes, good: bytes) -> bool:
    """Return whether bytes are the same, or those of a record that says the same."""
    try:
        return changed == good or json.loads(changed) == json.loads(good)
    except ValueError:
        return False
