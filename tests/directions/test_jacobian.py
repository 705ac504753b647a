"""Gram matrices of regions: equal to those of a Jacobian by hand, whatever the panels, and of many regions at once."""

import pytest
import torch
from torch.func import jacrev

from spatialgan.directions.jacobian import Jacobian, gram_matrices
from spatialgan.directions.problem import Problem
from spatialgan.directions.spaces import SPACES, changed_image, open_space
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import scene_inputs
from tests.tiny import tiny_snapshot


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Return a problem's parts for a hierarchical model and one with a style per object."""
    folder, found = tmp_path_factory.mktemp("models"), {}
    for row in ("spatialgan", "indoor"):
        path = tiny_snapshot(folder / f"{row}.safetensors", row)
        model = open_model(str(path))
        found[row] = model.snapshot, scene_inputs(scene_from_seed(model, 3), model.snapshot)
    return found


def some_masks(resolution=16):
    masks = torch.zeros(3, resolution, resolution, dtype=torch.bool)
    masks[0, 2:8, 3:9] = True
    masks[1, 5:12, 1:6] = True  # overlaps the first
    masks[2, :, 14:] = True
    return masks


@pytest.mark.parametrize("row", ["spatialgan", "indoor"])
@pytest.mark.parametrize("name", SPACES)
def test_forward_mode_equals_reverse_mode_in_every_space(models, row, name):
    snapshot, inputs = models[row]
    space = open_space(name, snapshot.config.generator, (1, 2), ())
    problem = Problem(snapshot, inputs, space, some_masks()[0])
    columns = problem.jacobian.columns(0, problem.size)
    image = lambda t: changed_image(snapshot.generator.synthesis, inputs, space, t)  # noqa: E731
    reverse = jacrev(image, chunk_size=64)(inputs.ws.new_zeros(problem.size))
    reverse = reverse.movedim(-1, 0)
    assert reverse.abs().max() > 0.01
    assert (columns - reverse).abs().max() <= 1e-5 * reverse.abs().max().clamp_min(1)


@pytest.mark.parametrize("row", ["spatialgan", "indoor"])
def test_a_change_of_0_is_the_image(models, row):
    snapshot, inputs = models[row]
    with torch.no_grad():
        image = snapshot.generator.synthesis(inputs.ws, inputs.layout, inputs.noise)[0]
        for name in SPACES:
            space = open_space(name, snapshot.config.generator, (), ())
            zeros = torch.zeros(space.size(snapshot.config.generator))
            unchanged = changed_image(snapshot.generator.synthesis, inputs, space, zeros)
            torch.testing.assert_close(unchanged, image, rtol=0, atol=1e-5)


def linear_jacobian(size=7, resolution=4):
    matrix = torch.randn(
        3, resolution, resolution, size, generator=torch.Generator().manual_seed(0)
    )
    return matrix, Jacobian(lambda t: matrix @ t, torch.zeros(size), resolution)


@pytest.mark.parametrize("panel_bytes", [2**20, 1])
def test_gram_matrices_are_those_of_the_whole_jacobian_in_any_panels(panel_bytes):
    matrix, jacobian = linear_jacobian(size=11)
    masks = some_masks()[:, :4, :4] | torch.eye(4, dtype=torch.bool)
    masks[2, 0] = True
    grams = gram_matrices(jacobian, masks, panel_bytes)
    for k, mask in enumerate(masks):
        for chosen, found in ((mask, grams.inside(k)), (~mask, grams.outside(k))):
            rows = matrix[:, chosen].flatten(0, 1)
            expected = rows.T @ rows / chosen.sum()
            torch.testing.assert_close(found, expected.double(), rtol=1e-5, atol=1e-6)


def test_a_region_s_matrix_doesn_t_depend_on_the_others(models):
    snapshot, inputs = models["spatialgan"]
    space = open_space("w", snapshot.config.generator, (), ())
    masks = some_masks()
    problem = Problem(snapshot, inputs, space, masks[1])
    together = gram_matrices(problem.jacobian, masks)
    torch.testing.assert_close(together.inside(1), problem.grams.inside(0), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(together.outside(1), problem.grams.outside(0), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("mask", "message"), [(0, "region is empty"), (1, "region is the whole image")]
)
def test_regions_have_an_inside_and_an_outside(mask, message):
    _, jacobian = linear_jacobian()
    masks = torch.full((1, 4, 4), bool(mask))
    with pytest.raises(ValueError, match=message):
        gram_matrices(jacobian, masks)


def test_spaces_change_the_chosen_layers_and_codes_only(models):
    config = models["indoor"][0].config.generator
    for name in SPACES:
        space = open_space(name, config, (1, 2), (0, 3))
        change = space.change(config, torch.ones(space.size(config)))
        changed = change.channels if name == "style" else change.latent
        other = change.latent if name == "style" else change.channels
        assert not other.any()
        touched = changed.abs().sum(dim=-1).nonzero().tolist()
        assert touched == [[layer, code] for layer in (1, 2) for code in (0, 3)]


def test_the_object_s_code_changes_the_image_around_the_object(models):
    snapshot, inputs = models["indoor"]
    space = open_space("w", snapshot.config.generator, (), (1,))
    heatmap = inputs.layout.render(0, 16)[0, 0]
    energy = Problem(snapshot, inputs, space, heatmap > 0.5).jacobian.columns(0, 8)
    energy = energy.square().sum(dim=(0, 1))
    assert energy[heatmap > 0.5].mean() > 2 * energy[heatmap < 0.05].mean()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("v", (), ()), "unknown space 'v': choose one of w, w\\+, style"),
        (("w", (9,), ()), "no layer 9: choose from 0 to 5"),
        (("w", (), (4,)), "no code 4: choose from 0 to 3"),
        (("w", (1, 1), ()), "a layer is named twice: 1, 1"),
        (("style", (5,), ()), "layer 5 has no channels"),
    ],
)
def test_unknown_parts_of_a_space_are_named(models, arguments, message):
    name, layers, codes = arguments
    with pytest.raises(ValueError, match=message):
        open_space(name, models["indoor"][0].config.generator, layers, codes)
