"""Training: what a step does, resuming to the bit, several processes, divergence, two at once."""

import errno
import logging
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.multiprocessing as multiprocessing
from click.testing import CliRunner

from spatialgan import files
from spatialgan.cli.main import main
from spatialgan.data.archive import ImageArchive
from spatialgan.data.prepare import check_archive
from spatialgan.files import file_sha256
from spatialgan.params import load_params
from spatialgan.provenance import read_stamp
from spatialgan.records import read_record
from spatialgan.results import Results
from spatialgan.tensor_file import exclusive, read_tensors, save_tensors, tensors_sha256
from spatialgan.training import loop, phases
from spatialgan.training.feed import Order
from spatialgan.training.processes import Processes, join_processes
from spatialgan.training.run_folder import open_run_folder, restore_newest, save_checkpoint
from spatialgan.training.state import new_state, restore_state, state_to_tensors
from tests.tiny import ROOT, tiny_archive, tiny_config

CPU = torch.device("cpu")
STAMP = {"settings": {}, "code": "0", "inputs": {}}
ROWS = list(load_params(ROOT / "params").rows)


def job(folder: Path, config, processes=None) -> loop.TrainingJob:
    tiny_archive(folder)
    return loop.TrainingJob(config, Results(folder), processes or Processes(), STAMP)


class RunningTraining:
    """Another process that holds the lock of a run, until it is waited for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> subprocess.Popen:
        """Start it; it ends two seconds later."""
        code = (
            "import sys, time, pathlib\n"
            "from spatialgan.tensor_file import exclusive\n"
            "with exclusive(pathlib.Path(sys.argv[1])):\n"
            "    print('held', flush=True)\n"
            "    time.sleep(2)\n"
        )
        command = [sys.executable, "-c", code, str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
        assert self.process.stdout is not None and self.process.stdout.readline() == b"held\n"
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def snapshot_of(folder: Path, config) -> str:
    return file_sha256(Results(folder).run(config.name).snapshot)


@pytest.fixture(scope="module")
def straight(tmp_path_factory) -> str:
    """The sha256 of the snapshot of an uninterrupted tiny run."""
    folder = tmp_path_factory.mktemp("straight")
    loop.train(job(folder, tiny_config()))
    return snapshot_of(folder, tiny_config())


@pytest.mark.parametrize("row", ROWS)
def test_every_row_takes_steps(row):
    config = tiny_config(row)
    state = new_state(config, CPU)
    before = tensors_sha256(dict(state.g.state_dict()))
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8)
    for index in range(2):
        loop.take_step(phases.Step(config, state, Processes(), reals, index, torch.float32))
    assert state.cur_nimg == 16 and state.num_skipped == 0
    assert tensors_sha256(dict(state.g.state_dict())) != before
    observed = state.curves.counts.tolist()
    assert (observed[phases_column("alignment")] > 0) == config.alignment.uses_attention


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
    config = tiny_config()
    loop.train(job(tmp_path, config))
    header, *rows = Results(tmp_path).run(config.name).curves.read_text().splitlines()
    names = header.split(",")
    assert names[0] == "kimg" and float(rows[-1].split(",")[0]) == config.training.kimg
    last = dict(zip(names, rows[-1].split(","), strict=True))
    assert float(last["loss_d"]) > 0 and last["path_length"] == ""


def test_resuming_a_finished_run_changes_nothing(tmp_path, straight):
    config = tiny_config()
    loop.train(job(tmp_path, config))
    assert snapshot_of(tmp_path, config) == straight
    assert read_stamp(Results(tmp_path).run(config.name).record) == STAMP
    Results(tmp_path).run(config.name).snapshot.unlink()
    loop.train(job(tmp_path, config))
    assert snapshot_of(tmp_path, config) == straight


def test_another_seed_gives_another_snapshot(tmp_path, straight):
    loop.train(job(tmp_path, tiny_config(seed=1)))
    assert snapshot_of(tmp_path, tiny_config(seed=1)) != straight


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


def start_training(folder: Path, kill_at_save: str = "") -> subprocess.Popen:
    program = (
        "import sys; from pathlib import Path; from tests.training.test_training import job;"
        "from tests.tiny import tiny_config; from spatialgan.training import loop;"
        "sys.exit(loop.train(job(Path(sys.argv[1]), tiny_config())))"
    )
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
    )


def test_a_killed_run_ends_in_the_same_bits(tmp_path, straight):
    """SIGKILL at several moments, then run to the end; benchmarks/kill_lottery.py does it twenty times."""
    config = tiny_config()
    for num_checkpoints in (1, 3):
        process = start_training(tmp_path)
        deadline = time.monotonic() + 300
        while len(list((tmp_path / "resume").rglob("*.safetensors"))) < min(num_checkpoints, 2):
            assert time.monotonic() < deadline and process.poll() in (None, 0)
            time.sleep(0.002)
        process.kill()
        process.communicate()
    loop.train(job(tmp_path, config))
    assert snapshot_of(tmp_path, config) == straight


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_to_stop_saves_and_asks_to_be_run_again(tmp_path, straight, monkeypatch, number):
    config = tiny_config()
    take_step = loop.take_step

    def terminate_in_third_step(step):
        take_step(step)
        if step.index == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr(loop, "take_step", terminate_in_third_step)
    with pytest.raises(loop.Preempted, match="stopped at 0.0 kimg"):
        loop.train(job(tmp_path, config))
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    monkeypatch.setattr(loop, "take_step", take_step)
    loop.train(job(tmp_path, config))
    assert snapshot_of(tmp_path, config) == straight


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_request_before_the_first_step_exits_with_75_too(tmp_path, monkeypatch, number):
    tiny_archive(tmp_path / "results/smoke")
    monkeypatch.setattr(loop, "train", lambda job: os.kill(os.getpid(), number))
    monkeypatch.chdir(tmp_path)
    arguments = ["train", "cat/sel/0", "-p", "smoke", "--params", str(ROOT / "params")]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 75 and "rerun the command to resume" in result.stderr
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def stopped_training(folder: Path, monkeypatch) -> list[Path]:
    """Train until the outputs would be written; return the checkpoints, newest first."""
    with monkeypatch.context() as patch:
        patch.setattr(loop, "_write_outputs", lambda *_: None)
        loop.train(job(folder, tiny_config()))
    return sorted((folder / "resume").rglob("checkpoint-*.safetensors"), reverse=True)


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_an_error_of_the_system_gives_no_checkpoint_up(tmp_path, straight, monkeypatch, number):
    newest = stopped_training(tmp_path, monkeypatch)[0]
    read = files.open_regular

    def fail_once(path):
        if path == newest:
            raise OSError(number, os.strerror(number))
        return read(path)

    with monkeypatch.context() as patch:
        patch.setattr(files, "open_regular", fail_once)
        with pytest.raises(OSError, match=f"{newest.name}: cannot be read .{os.strerror(number)}"):
            loop.train(job(tmp_path, tiny_config()))
    assert newest.exists() and not list((tmp_path / "resume").rglob("*.damaged"))
    loop.train(job(tmp_path, tiny_config()))
    assert snapshot_of(tmp_path, tiny_config()) == straight


def test_a_training_whose_checkpoints_are_all_damaged_is_not_repeated_silently(
    tmp_path, straight, monkeypatch
):
    checkpoints = stopped_training(tmp_path, monkeypatch)
    for path in checkpoints:
        path.write_bytes(path.read_bytes()[:-1])
    for _ in range(2):  # neither at once nor when the command is run again
        with pytest.raises(ValueError, match="no checkpoint in .* is whole: .* remove the folder"):
            loop.train(job(tmp_path, tiny_config()))
    folder = checkpoints[0].parent
    kept = [path.name for path in folder.iterdir() if path.suffix == ".damaged"]
    assert len(kept) == len(checkpoints)
    shutil.rmtree(folder)
    loop.train(job(tmp_path, tiny_config()))
    assert snapshot_of(tmp_path, tiny_config()) == straight


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


def test_a_grid_that_a_kill_prevented_is_drawn_after_a_resume(tmp_path, monkeypatch):
    config = tiny_config(kimg=0.24)
    config = replace(config, execution=replace(config.execution, num_checkpoints=6, num_grids=2))
    draw, grids = loop.sample_grid, Results(tmp_path).run(config.name).grids

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "sample_grid", killed)
    with pytest.raises(KeyboardInterrupt):
        loop.train(job(tmp_path, config))
    assert not grids.exists()
    monkeypatch.setattr(loop, "sample_grid", draw)
    loop.train(job(tmp_path, config))
    assert sorted(path.name for path in grids.iterdir()) == [
        f"{kimg}-{what}.png"
        for kimg in ("000000.1", "000000.2")
        for what in ("attention", "samples")
    ]


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


def test_a_record_never_describes_another_training_s_snapshot(tmp_path, monkeypatch):
    config, outputs = tiny_config(), Results(tmp_path).run(tiny_config().name)
    loop.train(job(tmp_path, config))
    assert outputs.record.exists()

    def killed(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "sample_grid", killed)
    with pytest.raises(KeyboardInterrupt):
        loop.train(job(tmp_path, tiny_config(r1_gamma=2.0)))
    if outputs.record.exists():
        assert read_record(outputs.record)["snapshot_sha256"] == file_sha256(outputs.snapshot)


@pytest.mark.parametrize("cut", [0, 1, 8, -1])
def test_a_truncated_checkpoint_is_passed_over(tmp_path, straight, monkeypatch, cut, caplog):
    config = tiny_config()
    monkeypatch.setattr(loop, "_write_outputs", lambda *_: None)
    loop.train(job(tmp_path, config))
    monkeypatch.undo()
    newest = max((tmp_path / "resume").rglob("checkpoint-*.safetensors"))
    data = newest.read_bytes()
    newest.write_bytes(data[:cut] if cut >= 0 else data[:-200] + bytes(100) + data[-100:])
    loop.train(job(tmp_path, config))
    assert f"{newest} is damaged" in caplog.text
    assert snapshot_of(tmp_path, config) == straight


def test_non_finite_gradients_are_skipped_then_stop_and_spare_the_checkpoint(tmp_path, monkeypatch):
    config = tiny_config(kimg=1.0)
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


def test_a_training_that_outlived_its_workflow_is_waited_for(tmp_path, straight, caplog):
    """As the workflow does when it is started again: its rule says --wait."""
    rule = (ROOT / "workflow/rules/train.smk").read_text(encoding="utf-8")
    assert re.search(r"train \{params.run\} .* --wait ", rule)
    made = job(tmp_path, tiny_config())
    with RunningTraining(made.results.resume(tiny_config().name)) as holder:
        with pytest.raises(RuntimeError, match=f"in use by process {holder.pid} "):
            loop.train(made)
        with caplog.at_level(logging.INFO):
            loop.train(replace(made, waits=True))
    assert f"in use by process {holder.pid} on {os.uname().nodename}: waiting for it" in caplog.text
    assert snapshot_of(tmp_path, tiny_config()) == straight


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


def two_steps(rank: int, size: int, port: int, folder: str) -> None:
    os.environ.update(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE=str(size),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
    )
    torch.set_num_threads(1)
    config = tiny_config(pl_weight=2.0, style_mixing=0.5)
    with join_processes() as processes:
        state = new_state(config, processes.device)
        reals = torch.arange(8 * 3 * 256).view(8, 3, 16, 16).to(torch.uint8)[processes.shard(8)]
        for index in range(2):
            loop.take_step(phases.Step(config, state, processes, reals, index, torch.float32))
        state.curves.close_row(16, processes)
        if rank == 0:
            torch_tensors, _ = state_to_tensors(state)
            from spatialgan.tensor_file import save_tensors

            save_tensors(Path(folder) / f"{size}.safetensors", torch_tensors, {})


def test_two_processes_take_the_same_steps_as_one(tmp_path):
    from spatialgan.tensor_file import load_tensors

    port = 29500 + os.getpid() % 1000
    two_steps_alone = multiprocessing.get_context("spawn").Process(
        target=two_steps, args=(0, 1, port, str(tmp_path))
    )
    two_steps_alone.start()
    multiprocessing.spawn(two_steps, (2, port, str(tmp_path)), nprocs=2)
    two_steps_alone.join()
    (one, _), (two, _) = (load_tensors(tmp_path / f"{size}.safetensors") for size in (1, 2))
    assert one.keys() == two.keys()
    for name in one:
        if name.startswith(("g.", "d.", "g_ema.", "pl_mean", "curves.rows")):
            assert torch.allclose(one[name], two[name], rtol=1e-3, atol=1e-4, equal_nan=True), name
