"""Dragging: on features that move as a known function of what is optimized, and on tiny generators."""

from dataclasses import replace

import pytest
import torch

from spatialgan.dragging import drag as dragging
from spatialgan.dragging.drag import DRAGS, DragSettings, Problem, drag_states, run_drag
from spatialgan.dragging.starts import Jump
from spatialgan.dragging.unknowns import (
    Centers,
    HeatmapPixels,
    Latent,
    Moments,
    adam_step,
)
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.networks.generator import Generator, SynthesisInputs, draw_noise
from spatialgan.rng import generator_for
from spatialgan.scenes.changes import gaussians_of, heatmap_change
from tests.dragging.test_points import CELLS, PX, field
from tests.tiny import tiny_config

START = torch.tensor([[0.1, -0.2]])
WAY = torch.tensor([[8 * PX, -5 * PX]])


def layout_at(*centers: tuple[float, float]) -> Layout:
    places = torch.tensor([centers])
    return Layout((Gaussians(places, torch.full(places.shape[:2], 0.3), torch.ones(1, 2)),), 1)


def inputs_of(layout: Layout) -> SynthesisInputs:
    return SynthesisInputs(torch.zeros(1, 8, 3), layout, [])


def obedient(inputs: SynthesisInputs) -> torch.Tensor:
    """A field that moves by the first two styles plus the way of the first center from (0.1, -0.2)."""
    return field(shift_of(inputs))


def shift_of(inputs: SynthesisInputs) -> torch.Tensor:
    return inputs.ws[0, 0, :2] + gaussians_of(inputs.layout)[0].centers[0, 0] - START[0]


def problem(handles=START, way=WAY, features=obedient, **settings) -> Problem:
    inputs = inputs_of(layout_at((0.1, -0.2), (-0.6, 0.6)))
    fixed = torch.zeros(CELLS, CELLS)
    return Problem(features, inputs, handles, handles + way, fixed, DragSettings(**settings))


STEERED = [name for name in DRAGS if "pixels" not in name]


@pytest.mark.parametrize("name", [name for name in STEERED if name != "coarse"])
def test_the_point_arrives_and_tracking_sees_where_it_is(name):
    result = run_drag(problem(), DRAGS[name])
    assert result.reached and 0 < result.state.step < 300
    went = shift_of(result.state.inputs())
    assert (went - WAY[0]).norm() <= 1.5 * PX
    assert (result.state.handles[0] - START[0] - went).abs().max() <= 0.75 * PX


def test_a_finer_tolerance_is_exact_to_the_cell():
    result = run_drag(problem(tolerance_px=0.1), DRAGS["latent"])
    assert result.reached
    torch.testing.assert_close(result.state.handles, START + WAY, rtol=0, atol=1e-5)


def test_the_hybrid_skips_most_of_the_steps():
    steps = {name: run_drag(problem(), DRAGS[name]).state.step for name in STEERED}
    assert steps["coarse"] == 0
    assert run_drag(problem(), DRAGS["coarse"]).state.outcome == dragging.JUMPED
    assert steps["coarse+latent+centers"] < steps["latent"] / 3


@pytest.mark.parametrize("name", DRAGS)
def test_a_handle_on_its_target_changes_nothing(name):
    asked = problem(way=torch.zeros(1, 2))
    result = run_drag(asked, DRAGS[name])
    assert result.reached and result.state.step == 0
    inputs = result.state.inputs()
    assert torch.equal(inputs.ws, asked.inputs.ws)
    assert torch.equal(inputs.layout.render(0, 16), asked.inputs.layout.render(0, 16))
    assert torch.equal(result.state.handles, START)


def halves(inputs: SynthesisInputs) -> torch.Tensor:
    """A field whose left and right half move by a style of their own and by one they share."""
    w = inputs.ws[0]
    left, right = field(w[0, :2] + w[2, :2]), field(w[1, :2] + w[2, :2])
    return torch.cat([left[:, :, : CELLS // 2], right[:, :, CELLS // 2 :]], dim=2)


def test_what_the_mask_fixes_stays_put():
    asked = problem(torch.tensor([[0.0, -0.5]]), torch.tensor([[6 * PX, 0.0]]), halves)
    free = run_drag(asked, DRAGS["latent"]).state.inputs().ws[0]
    fixed = torch.zeros(CELLS, CELLS)
    fixed[:, CELLS // 2 :] = 1
    result = run_drag(replace(asked, fixed=fixed), DRAGS["latent"])
    held = result.state.inputs().ws[0]
    assert result.reached
    assert (free[1, :2] + free[2, :2]).norm() > 2 * PX
    assert (held[1, :2] + held[2, :2]).norm() < 0.2 * PX


def test_points_that_do_not_interact_go_as_if_alone():
    def apart(inputs: SynthesisInputs) -> torch.Tensor:
        return halves(
            replace(inputs, ws=inputs.ws * torch.tensor([1.0, 1, 0, 0, 0, 0, 0, 0])[:, None])
        )

    handles = torch.tensor([[0.0, -0.5], [0.1, 0.5]])
    way = torch.tensor([[6 * PX, 0.0], [0.0, 6 * PX]])
    settings = {"max_steps": 12, "tolerance_px": 0.0}
    both = run_drag(problem(handles, way, apart, **settings), DRAGS["latent"])
    for i in range(2):
        one = run_drag(
            problem(handles[i : i + 1], way[i : i + 1], apart, **settings), DRAGS["latent"]
        )
        torch.testing.assert_close(one.state.handles[0], both.state.handles[i])
        torch.testing.assert_close(one.state.changes[0][0, i], both.state.changes[0][0, i])


def test_a_point_that_does_not_arrive_says_so():
    result = run_drag(problem(way=torch.tensor([[0.5, 0.0]]), max_steps=7), DRAGS["latent"])
    assert not result.reached
    assert (result.state.outcome, result.state.step) == (dragging.STEP_CAP, 7)
    to_go = problem(way=torch.tensor([[0.5, 0.0]])).to_go(result.state.handles)
    assert 0.1 < to_go.item() <= 0.25  # image widths


def test_numbers_that_are_not_finite_end_a_drag_in_its_last_good_state():
    def breaks(inputs: SynthesisInputs) -> torch.Tensor:
        features = obedient(inputs)
        return features * torch.where(shift_of(inputs).norm() > 3 * PX, torch.nan, 1.0)

    result = run_drag(problem(features=breaks), DRAGS["latent"])
    assert result.state.outcome == dragging.DIVERGED and not result.reached
    assert result.state.handles.isfinite().all() and result.state.inputs().ws.isfinite().all()


def test_a_watcher_sees_every_state_and_can_stop():
    seen = []

    def watch(state) -> bool:
        seen.append((state.step, state.inputs().ws[0, 0, :2].clone()))
        return state.step < 4

    result = run_drag(problem(), DRAGS["latent"], watch)
    assert [step for step, _ in seen] == [0, 1, 2, 3, 4]
    assert result.state.outcome == dragging.CANCELED and result.state.step == 4
    ways = torch.stack([shift @ WAY[0] for _, shift in seen])
    assert (ways.diff() > 0).all()


def test_unknowns_take_turns():
    states = list(drag_states(problem(max_steps=4), DRAGS["latent+centers"]))
    ws, centers = ([s.changes[i].abs().max().item() for s in states[:4]] for i in (0, 1))
    assert ws[0] == 0 and ws[1] > 0 and ws[2] == ws[1] and ws[3] > ws[2]
    assert centers[:2] == [0, 0] and centers[2] > 0 and centers[3] == centers[2]


def test_our_adam_is_adam():
    values, draws = torch.randn(3, 4), torch.Generator().manual_seed(0)
    parameter = values.clone().requires_grad_()
    optimizer, moments = torch.optim.Adam([parameter], lr=0.01), Moments.zeros(values)
    for _ in range(5):
        gradient = torch.randn(3, 4, generator=draws)
        parameter.grad = gradient.clone()
        optimizer.step()
        way, moments = adam_step(moments, gradient, gradient.square())
        values = values + 0.01 * way
    torch.testing.assert_close(values, parameter.detach())


def test_a_center_that_the_drag_hardly_needs_hardly_moves():
    def mostly_first(inputs: SynthesisInputs) -> torch.Tensor:
        centers = inputs.layout.levels[0].centers[0]
        return field(centers[0] - START[0] + 0.01 * (centers[1] - centers[1].detach()))

    drag = replace(DRAGS["latent+centers"], unknowns=(Centers(),))
    (change,) = run_drag(problem(features=mostly_first), drag).state.changes
    assert change[0, 0].norm() > 50 * change[0, 1].norm() > 0


def hierarchy() -> Layout:
    draws = generator_for(0, "test", 0)
    return tiny_config("spatialgan").sampling(1, draws)


def test_the_finer_levels_go_along_with_the_first_center():
    inputs = inputs_of(hierarchy())
    change = Centers().zeros(inputs)
    change[0, 0] = torch.tensor([0.25, -0.5])
    change[0, 2] = torch.tensor([0.125, 0.0])
    moved = Centers().apply(inputs, change).layout
    for level, (before, after) in enumerate(zip(inputs.layout.levels, moved.levels, strict=True)):
        expected = torch.tensor([0.25, -0.5]).expand_as(before.centers).clone()
        if level == 1:
            expected[0, 1, 0] += 0.125
        torch.testing.assert_close(after.centers - before.centers, expected)


def test_pixels_are_added_to_their_own_sub_heatmap():
    inputs = inputs_of(hierarchy())
    change = HeatmapPixels().zeros(inputs)
    change[0, 3] = 0.5  # level 2's first, after 1 + 2 others
    after = HeatmapPixels().apply(inputs, change).layout
    for level, (k, size) in enumerate(((1, 4), (2, 8), (4, 16))):
        added = after.render(level, size) - inputs.layout.render(level, size)
        expected = torch.zeros(1, k, size, size)
        if level == 2:
            expected[0, 0] = 0.5
        torch.testing.assert_close(added, expected)
    twice = HeatmapPixels().apply(replace(inputs, layout=after), change).layout
    torch.testing.assert_close(heatmap_change(twice), 2 * change)


def test_the_coarse_jump_is_equation_6():
    jump, inputs = Jump(step=0.8, radius=0.15), inputs_of(layout_at((0.1, -0.2), (-0.6, 0.6)))
    handles = torch.tensor([[0.2, -0.2], [-0.6, 0.3]])  # 0.1 and 0.3 from the nearest center
    targets = handles + torch.tensor([[0.0, 0.5], [0.4, 0.0]])
    start = jump(inputs, handles, targets)
    centers = start.inputs.layout.levels[0].centers[0]
    torch.testing.assert_close(centers, torch.tensor([[0.1, 0.2], [-0.6, 0.6]]))
    assert start.jumped.tolist() == [True, False]
    torch.testing.assert_close(start.handles, torch.tensor([[0.2, 0.2], [-0.6, 0.3]]))


def test_a_handle_that_a_jump_carried_is_found_again_beyond_the_tracking_radius():
    """The image obeys by half, so the handle is 8 px short of where the jump expected it, at radius 6."""

    def half(inputs: SynthesisInputs) -> torch.Tensor:
        return field((inputs.layout.levels[0].centers[0, 0] - START[0]) / 2)

    asked = problem(way=torch.tensor([[0.0, 16 * PX]]), features=half)
    drag = replace(DRAGS["coarse"], start=Jump(step=1.0))
    handles = run_drag(asked, drag).state.handles
    torch.testing.assert_close(handles, START + torch.tensor([[0.0, 8 * PX]]), rtol=0, atol=1e-5)


def test_a_removed_object_does_not_jump_and_a_hierarchy_jumps_as_one():
    (level,) = layout_at((0.1, -0.2), (-0.6, 0.6)).levels
    removed = Layout((replace(level, presence=torch.tensor([[0.0, 1.0]])),), 1)
    assert not Jump()(inputs_of(removed), START, START + WAY).jumped.any()
    inputs = inputs_of(hierarchy())
    handles = inputs.layout.levels[0].centers[0] + 0.05
    start = Jump(step=1.0)(inputs, handles, handles + 0.2)
    for before, after in zip(inputs.layout.levels, start.inputs.layout.levels, strict=True):
        torch.testing.assert_close(after.centers, before.centers + 0.2)


def tiny_problem(row: str, **settings) -> Problem:
    config = tiny_config(row)
    torch.manual_seed(0)
    generator, draws = Generator(config.generator).requires_grad_(False), generator_for(0, "t", 0)
    layout = config.sampling(1, draws)
    z = torch.randn(1, *config.generator.z_shape, generator=draws)
    inputs = SynthesisInputs(
        generator.styles(z, layout), layout, draw_noise(config.generator, 1, draws)
    )
    for parameter in generator.synthesis.blocks[-1].parameters():
        parameter.data.fill_(torch.nan)  # above the feature block: never run
    return Problem(
        lambda inputs: generator.synthesis.features(inputs.ws, inputs.layout, inputs.noise, 8)[0],
        inputs,
        START,
        START + 0.5,
        torch.zeros(8, 8),
        DragSettings(**settings),
    )


@pytest.mark.parametrize("name", DRAGS)
@pytest.mark.parametrize("row", ["spatialgan", "indoor"])
def test_every_method_drags_every_kind_of_generator(row, name):
    asked = tiny_problem(row, max_steps=4, tolerance_px=0)  # none arrives
    result = run_drag(asked, DRAGS[name])
    assert result.state.step == (0 if name == "coarse" else 4)
    for change in result.state.changes:
        assert change.isfinite().all() and change.abs().max() > 0


def test_the_baseline_is_dragged_by_its_latent_alone():
    assert run_drag(tiny_problem("baseline", max_steps=3), DRAGS["latent"]).state.step == 3
    for name in set(DRAGS) - {"latent"}:
        with pytest.raises(ValueError, match="without heatmaps .* choose the method latent"):
            run_drag(tiny_problem("baseline"), DRAGS[name])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("impulse", "without heatmaps of Gaussians"),
        ("gaussian_noise", "without heatmaps of Gaussians"),
        ("flatten", "heatmaps don't reach its synthesis network"),
    ],
)
def test_what_has_no_centers_to_optimize_says_so(row, message):
    assert run_drag(tiny_problem(row, max_steps=1), DRAGS["latent"]).state.step == 1
    with pytest.raises(ValueError, match=f"{message}.*: choose the method latent"):
        run_drag(tiny_problem(row), DRAGS["latent+centers"])


def test_only_the_first_layers_are_optimized():
    asked = tiny_problem("baseline", max_steps=3)
    changed = run_drag(asked, DRAGS["latent"]).state.inputs().ws != asked.inputs.ws
    assert changed[0, : Latent().layers].any() and not changed[0, Latent().layers :].any()


def test_default_features_are_those_of_draggan_at_256_px():
    sizes = {r: dragging.default_feature_resolution(r) for r in (8, 32, 64, 256, 512, 1024)}
    assert sizes == {8: 4, 32: 16, 64: 32, 256: 128, 512: 128, 1024: 128}
