"""Damaged parameters: each file of params/ is refused in one line that names it, or all that is made of it can be.

"All" is every run's configuration, in every profile, and the graph of every table and figure.
"""

import copy
import random
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from spatialgan.data.prepare import source_of
from spatialgan.documents import read_yaml
from spatialgan.settings.config import resolve
from spatialgan.settings.params import Params, load_params
from spatialgan.upkeep.graph import Graph
from tests.campaign.conftest import Campaign
from tests.campaign.damage import damaged_data, damaged_text, take
from tests.tiny import ROOT

pytestmark = [pytest.mark.campaign, pytest.mark.unchecked, pytest.mark.slow]

FILES = ("runs", "profiles", "datasets", "tables", "figures", "analyses")
SCALARS = (
    *(".nan", ".inf", "-.inf", "8.0", '"3"', "three", "~", "[]", "{}", "1e400", "0x10", "1_000"),
    *("2024-01-01", "2024-99-99", "!!python/object/apply:os.system [x]", "!!binary x", "*a", "yes"),
    *("!!timestamp x", "!!int x", "!!float x", "!!set {a}", "<<", "1:30", "0o17", "-0", "9" * 400),
    *("&a [*a]", "{a: 1, a: 2}", "? [a]", "!!omap [a]", "!!null x", "!!bool x", "'\\0'", '"\\x1b"'),
)
BOMB = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 10)}]\n"
    for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)
SMALL = {  # a whole document in miniature: reading all of params/ takes a hundred times as long
    "runs": {"a": {"title": "A", "sampling": {"name": "x", "spread": 0.3}, "places": ["conv"]}},
    "list": [1, 2.5, None, True, "text", {"k": [[]]}],
}


def damaged_yaml(document: Any, text: str, dice: random.Random) -> bytes:
    """Return a YAML file with its values, its lines or single scalars changed."""
    match dice.randrange(8):
        case 0 | 1 | 2:
            changed = damaged_data(document, dice)
            return yaml.safe_dump(changed, sort_keys=False, allow_unicode=True).encode(
                "utf-8", "surrogatepass"
            )
        case 3 | 4:
            return damaged_text(text, dice)
        case 5:
            return (BOMB + text if dice.random() < 0.5 else text + "\n" + BOMB).encode()
        case 6:
            deep = dice.choice(("[", "{a: ", "- ", "? ")) * dice.choice((40, 60, 5000))
            return (text + "\nx: " + deep).encode()
    places = [at for at, character in enumerate(text) if character == ":"]
    at = dice.choice(places or [0])
    end = min((found for found in (text.find(c, at) for c in ",}\n") if found > 0), default=at)
    return (text[: at + 1] + " " + dice.choice(SCALARS) + text[end:]).encode()


def test_damaged_yaml_is_refused_or_read(campaign: Campaign, tmp_path: Path) -> None:
    path, text = tmp_path / "x.yaml", yaml.safe_dump(SMALL)
    for seed in campaign.cases("YAML", 200):
        data = damaged_yaml(SMALL, text, random.Random(f"yaml {seed}"))
        path.write_bytes(data)
        taken = take(lambda: read_yaml(path), path)
        if taken.fault:
            campaign.failed(f"{seed} ({data[:100]})", taken.fault)


def test_damaged_params_are_refused_or_all_is_made_of_them(
    campaign: Campaign, tmp_path: Path
) -> None:
    folder = tmp_path / "params"
    shutil.copytree(ROOT / "params", folder)
    texts = {name: (folder / f"{name}.yaml").read_text(encoding="utf-8") for name in FILES}
    whole = {name: yaml.safe_load(text) for name, text in texts.items()}

    def read() -> Params:
        params = load_params(folder)
        make_all(params)
        return params

    for seed in campaign.cases("params", 15):
        dice = random.Random(f"params {seed}")
        name = dice.choice(FILES)
        path = folder / f"{name}.yaml"
        path.write_bytes(damaged_yaml(copy.deepcopy(whole[name]), texts[name], dice))
        taken = take(read)
        path.write_text(texts[name], encoding="utf-8")
        if taken.fault:
            campaign.failed(f"{seed} ({name})", taken.fault)


def make_all(params: Params) -> None:
    """Configure every run, describe every data set, and plan every table and figure."""
    for dataset in params.datasets:
        for profile, line in params.profiles.items():
            if line["data"] in params.dataset(dataset):
                row = params.source(dataset, profile)
                source_of({k: v for k, v in row.items() if k not in ("resolution", "num_images")})
    for profile in params.profiles:
        graph = Graph(params, profile)
        for row in params.rows:
            resolve(params, f"cat/{row}/0", profile)
        for table in params.tables:
            assert list(graph.table(table).needs) is not None
        for figure in params.figures:
            assert list(graph.figure(figure).needs) is not None
        for step in graph.evidence():
            assert list(step.needs) is not None
