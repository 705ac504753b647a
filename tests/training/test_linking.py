"""The phase that links axes to regions, and trainings that go on from a finished run."""

from dataclasses import replace

import pytest
import torch

from spatialgan.files import file_sha256
from spatialgan.losses.linkage import Relative
from spatialgan.results import Results
from spatialgan.segmenters.instances import Instances
from spatialgan.snapshot import load_hashed, load_snapshot
from spatialgan.tensor_file import load_tensors
from spatialgan.training import loop
from spatialgan.training.linked_regions import RegionFinder, linked_region, open_finder
from spatialgan.training.linking import g_link
from spatialgan.training.phases import Step, phases_of
from spatialgan.training.pretrained import Pretrained, begin_from, read_pretrained
from spatialgan.training.processes import Processes
from spatialgan.training.state import new_state
from tests.tiny import tiny_config, tiny_snapshot
from tests.training.jobs import job, short_config

CPU = torch.device("cpu")
REALS = torch.zeros(8, 3, 16, 16, dtype=torch.uint8)


def step_of(row: str, index: int = 0) -> Step:
    config = tiny_config(row)
    state = new_state(config, CPU)
    state.g.requires_grad_(True)
    return Step(config, state, Processes(), REALS, index, torch.float32)


def test_only_rows_with_links_have_the_phase():
    intervals = [phase.interval for phase in phases_of(tiny_config("link_left"))]
    assert intervals == [1, 8, 1, 16]
    assert g_link not in [phase.loss for phase in phases_of(tiny_config("baseline"))]


@pytest.mark.parametrize("row", ["link_left", "link_two", "link_absolute"])
def test_the_phase_trains_mapping_and_synthesis(row):
    step = step_of(row)
    loss = g_link(step)
    loss.backward()
    assert loss > 0
    for part in (step.state.g.mapping, step.state.g.synthesis.blocks):
        assert any(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())


def test_two_links_take_turns():
    values = [float(g_link(step_of("link_two", index)).detach()) for index in (0, 8, 16)]
    assert values[0] == values[2] != values[1]


def test_the_penalty_falls_when_it_alone_is_followed():
    step = step_of("link_left")
    optimizer = torch.optim.Adam(step.state.g.parameters(), lr=0.005)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = g_link(step)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_a_box_is_the_same_in_all_images_and_a_class_is_where_it_is_found():
    masks = torch.zeros(2, 4, 4, dtype=torch.bool)
    masks[0, 0], masks[1, 3] = True, True
    found = Instances(masks, torch.ones(2), ("bed", "lamp"), torch.ones(2, 1))
    finder = RegionFinder(lambda images: [found, found[torch.tensor([1])]])
    images = torch.zeros(2, 3, 4, 4)
    left = finder("box:0,-0.5,2,1", images)
    assert left[:, :, :2].all() and not left[:, :, 2:].any()
    beds = finder("class:bed", images)
    assert torch.equal(beds[0], masks[0]) and not beds[1].any()


def test_regions_that_can_t_be_linked_are_one_line(tmp_path):
    with pytest.raises(ValueError, match="'object:0' can't be linked: choose box:Y,X"):
        linked_region("object:0")
    config = tiny_config("link_bed")
    with pytest.raises(ValueError, match="torchvision.safetensors.* is missing"):
        open_finder(config, Results(tmp_path), "cpu")
    broken = replace(config, linkage=Relative(("box:0",)))
    with pytest.raises(ValueError, match="'box:0' is not of the form"):
        open_finder(broken, Results(tmp_path), "cpu")
    with pytest.raises(ValueError, match="needs a segmenter"):
        RegionFinder()("class:bed", torch.zeros(1, 3, 4, 4))


@pytest.mark.unchecked
def test_a_training_goes_on_from_a_finished_run(tmp_path):
    config = short_config("link_tuned")
    this = job(tmp_path, config)
    with pytest.raises(
        ValueError, match="cat/baseline/0.safetensors does not exist: train cat/base"
    ):
        loop.train(this)
    path = tiny_snapshot(Results(tmp_path).run("cat/baseline/0").snapshot, "baseline")
    loop.train(this)
    made = load_snapshot(Results(tmp_path).run(config.name).snapshot)
    assert made.config.pretrained == "baseline" and made.config.linkage == config.linkage
    first = load_snapshot(path).generator.state_dict()
    state = new_state(config, CPU)
    begin_from(read_pretrained(config, Results(tmp_path)), state)
    for generator in (state.g, state.g_ema):
        assert all(torch.equal(first[k], v) for k, v in generator.state_dict().items())


def test_a_run_of_another_size_is_refused(tmp_path):
    path = tiny_snapshot(tmp_path / "other.safetensors", "spatialgan")
    pretrained = Pretrained(path, *load_hashed(path))
    with pytest.raises(ValueError, match="other.safetensors is of another generator"):
        begin_from(pretrained, new_state(tiny_config("baseline"), CPU))


@pytest.mark.unchecked
def test_a_training_records_the_bytes_that_it_began_from(tmp_path, monkeypatch):
    config, results = short_config("link_tuned"), Results(tmp_path)
    path = tiny_snapshot(results.run("cat/baseline/0").snapshot, "baseline")
    first = file_sha256(path)

    def replaced_meanwhile(pretrained, state):
        path.write_bytes(b"another training's")
        begin_from(pretrained, state)

    monkeypatch.setattr(loop, "begin_from", replaced_meanwhile)
    loop.train(job(tmp_path, config))
    checkpoint = next(results.checkpoints(config.name))
    assert load_tensors(checkpoint)[1]["fixed"]["pretrained_sha256"] == first
