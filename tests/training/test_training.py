"""Training: what a step does, several processes, divergence, what is refused, two at once."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as multiprocessing

from spatialgan.data.archive import ImageArchive
from spatialgan.data.prepare import check_archive
from spatialgan.results import Results
from spatialgan.segmenters.instances import Instances
from spatialgan.settings.params import load_params
from spatialgan.tensor_file import exclusive, read_tensors, save_tensors, tensors_sha256
from spatialgan.training import loop, phases
from spatialgan.training.feed import Order
from spatialgan.training.linked_regions import RegionFinder
from spatialgan.training.processes import Processes, join_processes
from spatialgan.training.run_folder import open_run_folder, restore_newest, save_checkpoint
from spatialgan.training.state import new_state, restore_state, state_to_tensors
from tests.tiny import ROOT, tiny_archive, tiny_config
from tests.training.jobs import job, short_config

CPU = torch.device("cpu")
ROWS = list(load_params(ROOT / "params").rows)


@pytest.mark.parametrize("row", ROWS)
def test_every_row_takes_steps(row):
    config = tiny_config(row)
    state = new_state(config, CPU)
    if any(text.startswith("class:") for text in config.linkage.regions):
        state.linkage = RegionFinder(lambda images: [nothing_found()] * len(images))
    before = tensors_sha256(dict(state.g.state_dict()))
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    loop.take_step(phases.Step(config, state, Processes(), reals, 0, torch.float32))
    assert state.cur_nimg == 8 and state.num_skipped == 0
    assert tensors_sha256(dict(state.g.state_dict())) != before
    observed = state.curves.counts.tolist()
    aligned = config.alignment.uses_attention and config.training.align_from_kimg == 0
    assert (observed[phases_column("alignment")] > 0) == aligned


def nothing_found() -> Instances:
    return Instances(torch.zeros(0, 16, 16).bool(), torch.zeros(0), (), torch.zeros(0, 1))


def phases_column(name: str) -> int:
    from spatialgan.training.curves import COLUMNS

    return COLUMNS.index(name)


def test_path_length_and_style_mixing_take_steps():
    config = tiny_config("sel", pl_weight=2.0, style_mixing=1.0)
    state = new_state(config, CPU)
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    loop.take_step(phases.Step(config, state, Processes(), reals, 0, torch.float32))
    assert state.pl_mean > 0 and state.num_skipped == 0


@pytest.mark.parametrize("pl_weight", [0.0, 2.0])
def test_adam_is_corrected_for_lazy_regularization_as_in_stylegan2_ada(pl_weight):
    state = new_state(
        tiny_config("sel", pl_weight=pl_weight, learning_rate=0.0025, beta2=0.99), CPU
    )
    (g,), (d,) = state.g_opt.param_groups, state.d_opt.param_groups
    assert (g["lr"], g["betas"]) == (pytest.approx(0.002), (0, pytest.approx(0.992, abs=1e-4)))
    assert (d["lr"], d["betas"]) == (
        pytest.approx(0.0025 * 16 / 17),
        (0, pytest.approx(0.99 ** (16 / 17))),
    )


def test_alignment_counts_from_a_moment_on_and_grows():
    training = tiny_config(align_from_kimg=1.0, align_ramp_kimg=2.0).training
    shares = [phases.alignment_share(training, n) for n in (0, 1000, 1500, 3000, 9000)]
    assert shares == [0, 0, 0.25, 1, 1]
    assert phases.alignment_share(tiny_config().training, 0) == 1
    config = tiny_config("spatialgan", align_from_kimg=1.0)
    for nimg, counts in ((992, False), (1000, True)):
        state = new_state(config, CPU)
        state.cur_nimg = nimg
        state.g.requires_grad_(True)
        reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
        phases.g_main(phases.Step(config, state, Processes(), reals, 1, torch.float32))
        assert bool(state.curves.counts[phases_column("alignment")]) == counts


def test_alignment_trains_g_and_leaves_d_alone():
    config = tiny_config("spatialgan")
    state = new_state(config, CPU)
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    step = phases.Step(config, state, Processes(), reals, 0, torch.float32)
    state.g.requires_grad_(True)
    with_alignment = phases.g_main(step)
    with_alignment.backward()
    assert all(p.grad is None for p in state.d.parameters())
    aligned = [p.grad.clone() for p in state.g.parameters()]
    state.g.zero_grad()
    plain = replace(step, config=replace(config, alignment=tiny_config("sel").alignment))
    phases.g_main(plain).backward()
    assert any(
        not torch.equal(a, p.grad) for a, p in zip(aligned, state.g.parameters(), strict=True)
    )


def test_the_curves_are_the_means_of_what_was_observed(tmp_path):
    config = short_config()
    loop.train(job(tmp_path, config))
    header, *rows = Results(tmp_path).run(config.name).curves.read_text().splitlines()
    names = header.split(",")
    assert names[0] == "kimg" and float(rows[-1].split(",")[0]) == config.training.kimg
    last = dict(zip(names, rows[-1].split(","), strict=True))
    assert float(last["loss_d"]) > 0 and last["path_length"] == ""


def test_state_goes_through_a_checkpoint_to_the_bit():
    config = tiny_config()
    state, other = new_state(config, CPU), new_state(replace(config, seed=7), CPU)
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    loop.take_step(phases.Step(config, state, Processes(), reals, 0, torch.float32))
    tensors, counters = state_to_tensors(state)
    restore_state(other, {k: t.clone() for k, t in tensors.items()}, counters)
    assert tensors_sha256(state_to_tensors(other)[0]) == tensors_sha256(tensors)
    assert other.cur_nimg == 8


def test_a_checkpoint_of_other_networks_is_refused_and_changes_nothing():
    state = new_state(tiny_config("baseline"), CPU)
    before = tensors_sha256(state_to_tensors(state)[0])
    tensors, counters = state_to_tensors(new_state(tiny_config("sel"), CPU))
    with pytest.raises(ValueError, match="the checkpoint is of another run: .* tensors, such as g"):
        restore_state(state, tensors, counters)
    assert tensors_sha256(state_to_tensors(state)[0]) == before


def _lose(name):
    return lambda header: header.pop(name)


@pytest.mark.parametrize(
    "edit",
    [
        *map(_lose, ("counters", "fixed", "kind")),
        lambda header: header["counters"].pop("cur_nimg"),
        lambda header: header["counters"].update(cur_nimg="64"),
        lambda header: header["counters"].update(cur_nimg=-8),
        lambda header: header["counters"].update(cur_nimg=1e400),
        lambda header: header["counters"].update(num_skipped_in_a_row=[]),
        lambda header: header.update(counters=[]),
        lambda header: header["fixed"].update(code="0"),
    ],
)
def test_a_header_that_is_none_of_this_training_is_one_line(tmp_path, edit):
    config = tiny_config()
    folder = open_run_folder(Results(tmp_path), config.name, {"identity": config.identity()})
    save_checkpoint(folder, new_state(config, CPU))
    (path,) = folder.checkpoints()
    found = read_tensors(path)
    edit(found.header)
    save_tensors(path, found.tensors, found.header)
    with pytest.raises(ValueError, match=re.escape(str(path))) as error:
        restore_newest(folder, new_state(config, CPU))
    assert "\n" not in str(error.value) and path.exists()


def test_an_archive_that_its_manifest_does_not_describe_is_refused(tmp_path):
    config = tiny_config()
    this = job(tmp_path, config)
    files = this.results.dataset("cat")
    manifest = files.manifest.read_text()
    tiny_archive(tmp_path, num=23)
    files.manifest.write_text(manifest)
    with pytest.raises(ValueError, match="cat.zip is not the archive that .*cat.json describes"):
        loop.train(this)
    with pytest.raises(ValueError, match="cat.zip is not the archive that .*cat.json describes"):
        check_archive(ImageArchive(files.archive), files)


@pytest.mark.parametrize("text", ["{}", "[1]", '{"sha256": 3}', "{", ""])
def test_a_manifest_that_is_none_is_named(tmp_path, text):
    this = job(tmp_path, tiny_config())
    this.results.dataset("cat").manifest.write_text(text)
    with pytest.raises(
        ValueError, match="cat.json.*(not a dataset manifest|prepare)|not a dataset"
    ):
        loop.train(this)


def test_an_archive_that_is_replaced_while_it_is_in_use_is_noticed(tmp_path):
    files = tiny_archive(tmp_path)
    archive = ImageArchive(files.archive)
    tiny_archive(tmp_path, num=23)
    with pytest.raises(ValueError, match="cat.zip was replaced while it was in use"):
        archive[0]


@pytest.mark.unchecked
def test_non_finite_gradients_are_skipped_then_stop_and_spare_the_checkpoint(tmp_path, monkeypatch):
    config = short_config(kimg=1.0)
    archive = job(tmp_path, config)
    monkeypatch.setattr(
        phases.adversarial, "g_nonsaturating", lambda logits: logits.sum() * torch.nan
    )
    with pytest.raises(FloatingPointError, match="20 steps in a row had non-finite gradients"):
        loop.train(archive)
    assert not Results(tmp_path).run(config.name).record.exists()


def test_a_single_bad_step_is_skipped_and_counted(monkeypatch):
    config = tiny_config()
    state = new_state(config, CPU)
    before = tensors_sha256(dict(state.g.state_dict()))
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    step = phases.Step(config, state, Processes(), reals, 0, torch.float32)
    phases.run_phase(phases.Phase("g", lambda s: phases.g_main(s) * torch.inf, 1), step)
    assert state.num_skipped == 1 and tensors_sha256(dict(state.g.state_dict())) == before
    phases.run_phase(phases.Phase("g", phases.g_main, 1), step)
    assert state.num_skipped == 1 and state.num_skipped_in_a_row == {"g": 0, "d": 0}


def test_poisoned_weights_are_never_saved(tmp_path):
    config = tiny_config()
    folder = open_run_folder(Results(tmp_path), config.name, {"identity": config.identity()})
    state = new_state(config, CPU)
    save_checkpoint(folder, state)
    good = tensors_sha256(state_to_tensors(state)[0])
    state.cur_nimg = 8
    state.g.synthesis.const[0, 0, 0] = torch.nan
    with pytest.raises(FloatingPointError, match="nothing was saved"):
        save_checkpoint(folder, state)
    restored = new_state(config, CPU)
    restore_newest(folder, restored)
    assert tensors_sha256(state_to_tensors(restored)[0]) == good


def test_two_trainings_of_one_run_exclude_each_other_whatever_their_settings(tmp_path):
    for config in (tiny_config(), tiny_config(r1_gamma=2.0)):
        with (
            exclusive(Results(tmp_path).resume(config.name)),
            pytest.raises(RuntimeError, match=f"in use by process {os.getpid()}"),
        ):
            loop.train(job(tmp_path, config))


def test_a_changed_run_does_not_resume_the_old_one(tmp_path):
    first = open_run_folder(
        Results(tmp_path), "cat/sel/0", {"identity": tiny_config("sel").identity()}
    )
    second = open_run_folder(
        Results(tmp_path), "cat/sel/0", {"identity": tiny_config("sel", r1_gamma=2.0).identity()}
    )
    assert first.resume != second.resume and first.outputs == second.outputs


def test_bad_combinations_are_refused_in_one_line(tmp_path):
    config = tiny_config()
    with pytest.raises(ValueError, match="16 px images, the run 32 px"):
        loop.train(
            job(tmp_path, replace(config, generator=replace(config.generator, resolution=32)))
        )
    with pytest.raises(ValueError, match="choose a multiple of mbstd_group_size 4"):
        loop.train(job(tmp_path, tiny_config(batch=6)))
    with pytest.raises(ValueError, match="unknown precision 'fp8': choose one of auto, bf16, fp32"):
        loop.train(job(tmp_path, tiny_config(precision="fp8")))


def test_the_order_of_images_is_a_function_of_images_shown():
    straight = Order(10, 0, 4, 0, slice(0, 4))
    batches = [b for b, _ in zip(straight, range(6), strict=False)]
    resumed = [b for b, _ in zip(Order(10, 0, 4, 8, slice(0, 4)), range(4), strict=False)]
    assert resumed == batches[2:]
    epoch = [i for batch in batches for i in batch]
    assert sorted(epoch[:10]) == list(range(10)) and epoch[:10] != epoch[10:20]
    halves = [
        [b for b, _ in zip(Order(10, 0, 4, 0, s), range(6), strict=False)]
        for s in (slice(0, 2), slice(2, 4))
    ]
    assert [a + b for a, b in zip(*halves, strict=True)] == batches


def two_steps(processes: Processes) -> dict[str, torch.Tensor]:
    """Return the state after this process's share of two steps."""
    config = tiny_config(pl_weight=2.0, style_mixing=0.5)
    state = new_state(config, processes.device)
    reals = torch.arange(8 * 3 * 256).view(8, 3, 16, 16).to(torch.uint8)[processes.shard(8)]
    for index in range(2):
        loop.take_step(phases.Step(config, state, processes, reals, index, torch.float32))
    state.curves.close_row(16, processes)
    return state_to_tensors(state)[0]


def one_of_two(rank: int, port: int, path: Path) -> None:
    """Join another process, take the steps, and let the first of both write the state to a file."""
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE="2",
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    with join_processes() as processes:
        tensors = two_steps(processes)
        if rank == 0:
            save_tensors(path, tensors, {})


@pytest.mark.slow
def test_two_processes_take_the_same_steps_as_one(tmp_path):
    path, port = tmp_path / "two.safetensors", 29500 + os.getpid() % 1000
    multiprocessing.start_processes(one_of_two, (port, path), nprocs=2, start_method="spawn")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    one, two = two_steps(Processes(device=device)), read_tensors(path).tensors
    assert one.keys() == two.keys()
    for name in one:
        if name.startswith(("g.", "d.", "g_ema.", "pl_mean", "curves.rows")):
            assert torch.allclose(one[name], two[name], rtol=1e-3, atol=1e-4, equal_nan=True), name
