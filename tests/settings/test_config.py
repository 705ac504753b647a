"""From params/ to runs: precedence, names, identity, and errors that say what would be right."""

import dataclasses
import json
import shutil

import pytest
import yaml

from spatialgan.networks.encoding import ENCODINGS
from spatialgan.settings.config import ENCODING_NUMBERS, load_params, resolve, run_from_identity
from spatialgan.upkeep.graph import Graph
from tests.tiny import ROOT

PARAMS = load_params(ROOT / "params")


@pytest.mark.parametrize("profile", PARAMS.profiles)
@pytest.mark.parametrize("row", PARAMS.rows)
def test_every_row_resolves_in_every_profile_and_survives_json(row, profile):
    config = resolve(PARAMS, f"cat/{row}/0", profile)
    again = run_from_identity(config.identity())
    assert again.identity() == config.identity()
    assert (again.sampling, again.alignment, again.generator) == (
        config.sampling,
        config.alignment,
        config.generator,
    )


def test_the_row_overrides_the_profile_and_the_profile_the_defaults(tmp_path):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    rows = yaml.safe_load((tmp_path / "params/runs.yaml").read_text())
    rows["baseline"]["r1_gamma"] = 7.0
    (tmp_path / "params/runs.yaml").write_text(yaml.safe_dump(rows))
    params = load_params(tmp_path / "params")
    assert resolve(params, "cat/baseline/0", "paper").training.r1_gamma == 7.0
    assert resolve(params, "cat/sel/0", "paper").training.r1_gamma == 1.0
    assert (
        resolve(params, "cat/sel/0", "smoke").training.r1_gamma
        == PARAMS.profiles["smoke"]["r1_gamma"]
    )
    assert resolve(params, "cat/sel/0", "smoke").training.learning_rate == PARAMS.profiles[
        "smoke"
    ].get("learning_rate", 0.0025)


def test_the_paper_profile_is_the_papers():
    config = resolve(PARAMS, "cat/spatialgan/0", "paper")
    training = config.training
    assert (training.kimg, training.batch, training.learning_rate, training.beta2) == (
        25000,
        64,
        0.0025,
        0.99,
    )
    assert (training.r1_gamma, training.r1_interval, training.ema_kimg, training.ema_rampup) == (
        1,
        16,
        20,
        0,
    )
    assert (training.pl_weight, training.style_mixing) == (0, 0)
    g = config.generator
    assert (g.resolution, g.channels(256), g.channels(32), g.z_dim, g.mapping_layers) == (
        256,
        64,
        512,
        512,
        8,
    )
    assert g.heatmap_channels == (1, 2, 4) and g.encoding.max_resolution == 16
    assert config.alignment.threshold == 0.25 and config.discriminator.mbstd_group_size == 8


def test_attention_is_part_of_a_run_that_aligns_and_of_no_other():
    assert resolve(PARAMS, "cat/spatialgan/0", "laptop").identity()["attention"]["sign"] == "score"
    assert resolve(PARAMS, "cat/loss_sign/0", "laptop").identity()["attention"]["sign"] == "loss"
    assert "attention" not in resolve(PARAMS, "cat/sel/0", "laptop").identity()


@pytest.mark.parametrize("name", ENCODINGS)
def test_an_identity_lists_the_numbers_of_all_encodings(name):
    """The files of snapshots that are out there do, and their hashes are in results."""
    config = encoded(name, "multi_object")
    own = {f.name: f.default for f in dataclasses.fields(ENCODINGS[name])}
    new = {key: value for key, value in own.items() if key not in ENCODING_NUMBERS}
    assert config.identity()["generator"]["encoding"] == {"name": name, **ENCODING_NUMBERS, **new}
    listed = {key: ENCODING_NUMBERS.get(key, value) for key, value in own.items()}
    assert json.loads(json.dumps(own)) == json.loads(json.dumps(listed))


def test_numbers_of_an_encoding_survive_an_identity_and_foreign_ones_are_left_out():
    row = {"name": "style", "demodulation": "exact", "object_bias": 0, "grid": "corners"}
    config = encoded(row, "multi_object")
    identity = config.identity()
    assert identity["generator"]["encoding"] == {**ENCODING_NUMBERS, **row}
    identity["generator"]["encoding"]["kernel_size"] = 7  # means nothing to it
    assert run_from_identity(identity).generator == config.generator
    identity["generator"]["encoding"]["kernel"] = 7
    with pytest.raises(ValueError, match="StyleEncoding has no field 'kernel'"):
        run_from_identity(identity)


def test_a_row_gives_no_numbers_that_its_encoding_does_not_have():
    with pytest.raises(ValueError, match="'demodulation': choose from dilation, grid, kernel_size"):
        encoded({"name": "norm", "demodulation": "exact"})
    with pytest.raises(ValueError, match="unknown encoding 'sel': choose one of none, norm"):
        encoded("sel")


def test_the_identities_of_committed_runs_are_read_and_written_as_they_are():
    records = sorted((ROOT / "results/workstation/runs").glob("*/*/*/train.json"))
    assert len(records) > 10
    for path in records:
        identity = json.loads(path.read_text())["identity"]
        assert run_from_identity(identity).identity() == identity, path


def encoded(encoding, sampling="hierarchical"):
    rows = {**PARAMS.rows, "mine": {"title": "x", "sampling": sampling, "encoding": encoding}}
    return resolve(dataclasses.replace(PARAMS, rows=rows), "cat/mine/0", "smoke")


def test_how_a_run_is_executed_is_not_what_it_is():
    identity = resolve(PARAMS, "cat/sel/0", "laptop").identity()
    assert "execution" not in identity and "title" not in identity


@pytest.mark.parametrize(
    ("run", "message"),
    [
        ("cat", "'cat' names no run: a run is <dataset>/<row>/<seed>"),
        ("no_such/sel/0", "unknown dataset 'no_such': choose one of cat, "),
        ("cat/SEL/0", "unknown row 'SEL': choose one of baseline, sel"),
        ("cat/sel/one", "names no run"),
    ],
)
def test_unknown_runs_are_named(run, message):
    with pytest.raises(ValueError, match=message):
        resolve(PARAMS, run, "laptop")


def test_an_unknown_profile_is_named():
    with pytest.raises(ValueError, match="unknown profile 'desktop': choose one of smoke, laptop"):
        resolve(PARAMS, "cat/sel/0", "desktop")


@pytest.mark.parametrize(
    ("file", "edit", "message"),
    [
        ("runs", {"baseline": {"title": "x", "samplings": "none"}}, "runs.yaml.*samplings"),
        (
            "profiles",
            {"default": "laptop", "profiles": {"laptop": {"kimg": "many"}}},
            "profiles.yaml",
        ),
    ],
)
def test_faults_in_params_name_file_and_place(tmp_path, file, edit, message):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    (tmp_path / f"params/{file}.yaml").write_text(yaml.safe_dump(edit))
    with pytest.raises(ValueError, match=message) as error:
        load_params(tmp_path / "params")
    assert "\n" not in str(error.value)


def test_a_variant_with_an_unknown_field_names_the_known_ones(tmp_path):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    rows = yaml.safe_load((tmp_path / "params/runs.yaml").read_text())
    rows["impulse"]["sampling"] = {"name": "impulse", "q": 0.05}
    (tmp_path / "params/runs.yaml").write_text(yaml.safe_dump(rows))
    with pytest.raises(ValueError, match="'q'"):
        resolve(load_params(tmp_path / "params"), "cat/impulse/0", "laptop")


def test_a_linkage_is_in_the_identity_of_rows_that_have_one_alone():
    linked = resolve(PARAMS, "cat/link_tuned/0", "laptop").identity()
    assert linked["linkage"]["regions"] == ["box:0,-0.5,2,1"] and linked["from"] == "baseline"
    assert not {"linkage", "from"} & resolve(PARAMS, "cat/baseline/0", "laptop").identity().keys()


@pytest.mark.slow
def test_a_linked_row_s_code_is_not_its_twin_s():
    entry = "spatialgan.training.loop.train"
    codes = [
        resolve(PARAMS, f"cat/{row}/0", "laptop").code(entry)
        for row in ("link_left", "link_weak", "baseline", "baseline_tuned")
    ]
    assert codes[0] == codes[1] and len(set(codes[1:])) == 3


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"linkage": {"name": "relative", "regions": ["box:0,0,1,1"], "share": 0.5}}, ""),
        (
            {"linkage": {"name": "relative", "regions": ["box:0,0,1,1"] * 2, "share": 0.5}},
            "2 links of 0.5 of 64",
        ),
        ({"linkage": {"name": "linked", "regions": ["box:0,0,1,1"]}}, "unknown linkage 'linked'"),
        ({"from": "nothing"}, "runs.yaml, mine: unknown row 'nothing'"),
        ({"from": "mine"}, "goes on from 'mine', which goes on from another row itself"),
    ],
)
def test_links_and_origins_that_can_t_be_are_one_line(tmp_path, row, message):
    shutil.copytree(ROOT / "params", tmp_path / "params")
    rows = yaml.safe_load((tmp_path / "params/runs.yaml").read_text())
    rows["mine"] = {"title": "Mine", **row}
    (tmp_path / "params/runs.yaml").write_text(yaml.safe_dump(rows))
    if not message:
        resolve(load_params(tmp_path / "params"), "cat/mine/0", "laptop")
        return
    with pytest.raises(ValueError, match=message) as error:
        resolve(load_params(tmp_path / "params"), "cat/mine/0", "laptop")
    assert "\n" not in str(error.value)


def test_a_run_needs_the_run_it_goes_on_from_and_the_segmenter_of_its_links():
    graph = Graph(PARAMS, "laptop")
    names = {
        row: [need.title for need in graph.run(f"bedroom/{row}/0").needs]
        for row in ("baseline", "link_tuned", "link_bed")
    }
    assert names["baseline"] == ["prepare bedroom"]
    assert names["link_tuned"] == ["prepare bedroom", "train bedroom/baseline/0"]
    assert names["link_bed"] == ["prepare bedroom", "train segmenter bedroom/torchvision"]
