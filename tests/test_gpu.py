"""On a GPU: every row trains, and a generator's images are those of the CPU."""

import copy

import pytest
import torch

from spatialgan.settings.params import load_params
from spatialgan.snapshot import Snapshot, draw_samples, mean_style, render
from spatialgan.training import loop, phases
from spatialgan.training.processes import Processes
from spatialgan.training.state import new_state
from tests.tiny import ROOT, tiny_config

pytestmark = pytest.mark.gpu
ROWS = list(load_params(ROOT / "params").rows)
GPU = torch.device("cuda")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("row", ROWS)
def test_every_row_takes_steps(row, dtype):
    config = tiny_config(row)
    state, processes = new_state(config, GPU), Processes(device=GPU)
    reals = torch.randint(0, 256, (8, 3, 16, 16), dtype=torch.uint8, device=GPU)
    for index in range(2):
        loop.take_step(phases.Step(config, state, processes, reals, index, dtype))
    assert state.cur_nimg == 16 and state.num_skipped == 0


@pytest.mark.parametrize("row", ROWS)
def test_images_are_those_of_the_cpu(row):
    config = tiny_config(row)
    g = new_state(config, torch.device("cpu")).g_ema
    samples = draw_samples(config, 0, 0, 4)
    images = []
    for device in ("cpu", GPU):
        own = copy.deepcopy(g).to(device)
        images.append(render(Snapshot(own, mean_style(own, config), config, 0.0), samples).cpu())
    torch.testing.assert_close(images[0], images[1], rtol=0, atol=2e-3)
