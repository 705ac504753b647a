"""Methods of finding directions, against closed forms."""

import pytest
import torch

from spatialgan.directions.jacobian import Jacobian, gram_matrices
from spatialgan.directions.lowrank import LowRank, project, robust_pca
from spatialgan.directions.methods import METHODS
from spatialgan.directions.pca import principal_components
from spatialgan.directions.problem import Problem, quotients, regularized
from spatialgan.directions.resefa import largest_eigenpairs, solve, solve_truncated
from spatialgan.directions.spaces import changed_image, open_space
from spatialgan.directions.stylespace import overlaps
from spatialgan.models.opened import open_model
from spatialgan.scenes.complete import scene_from_seed
from spatialgan.scenes.render import scene_inputs
from tests.tiny import tiny_snapshot


def spectrum(values, seed=0):
    """Return a symmetric fp64 matrix with these eigenvalues."""
    draws = torch.Generator().manual_seed(seed)
    d = len(values)
    basis = torch.linalg.qr(torch.randn(d, d, generator=draws, dtype=torch.float64)).Q
    return (basis * torch.as_tensor(values, dtype=torch.float64)) @ basis.T


def test_directions_of_a_linear_generator_are_its_axes():
    """Number i moves the region by inside[i] and the rest by outside[i], in pixels of its own."""
    inside, outside = torch.tensor([3.0, 1.0, 2.0, 0.5]), torch.tensor([1.0, 0.1, 4.0, 0.0])
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0] = True
    matrix = torch.zeros(3, 4, 4, 4)
    for i in range(4):
        matrix[i % 3, 0, i, i], matrix[i % 3, 2, i, i] = inside[i], outside[i]
    grams = gram_matrices(Jacobian(lambda t: matrix @ t, torch.zeros(4), 4), mask[None])
    tau = 1e-3
    found = solve(grams.inside(0), grams.outside(0), tau)
    a, b = inside.square() / 4, outside.square() / 12
    values = a / (b + tau * b.sum())
    order = values.argsort(descending=True)
    torch.testing.assert_close(found.scores, values[order].double(), rtol=1e-5, atol=0)
    torch.testing.assert_close(
        found.directions.abs(), torch.eye(4).double()[order], rtol=0, atol=1e-6
    )


def test_resefa_s_eigenvalues_are_the_quotients_and_none_is_larger():
    a, b = spectrum(torch.rand(20)), spectrum([1.0] * 12 + [0.0] * 8, seed=1)
    found = solve(a, b, 1e-3)
    outside = regularized(b, 1e-3)
    torch.testing.assert_close(found.directions.norm(dim=1), torch.ones(20).double())
    torch.testing.assert_close(quotients(found.directions, a, outside), found.scores)
    others = torch.randn(500, 20, generator=torch.Generator().manual_seed(0)).double()
    assert quotients(others, a, outside).max() < found.scores[0]
    assert (found.scores.diff() <= 0).all()


def test_resefa_doesn_t_depend_on_the_scale_of_the_image():
    a, b = spectrum(torch.rand(9)), spectrum(torch.rand(9), seed=1)
    one, other = solve(a, b, 1e-3), solve(400 * a, 400 * b, 1e-3)
    torch.testing.assert_close(one.scores, other.scores)


def test_a_region_without_surroundings_that_change_is_refused():
    for solver in (lambda a, b: solve(a, b, 1e-3), lambda a, b: solve_truncated(a, b, 1e-3, 4)):
        with pytest.raises(ValueError, match="nothing outside the region changes"):
            solver(torch.eye(5).double(), torch.zeros(5, 5).double())


def test_woodbury_of_full_rank_equals_the_full_solution():
    a, b = spectrum(torch.rand(30)), spectrum([1.0] * 10 + [0.1] * 10 + [0.0] * 10, seed=1)
    full, truncated = solve(a, b, 1e-3), solve_truncated(a, b, 1e-3, 30)
    torch.testing.assert_close(truncated.scores, full.scores, rtol=1e-8, atol=1e-10)
    along = (truncated.directions * full.directions).sum(dim=1).abs()
    torch.testing.assert_close(along, torch.ones(30).double(), rtol=0, atol=1e-6)


def test_woodbury_of_low_rank_finds_the_largest_quotient_within_half_a_percent():
    decay = 0.9 ** torch.arange(120.0)
    a, b = spectrum(decay), spectrum(decay, seed=1)
    outside = regularized(b, 1e-3)
    best = solve(a, b, 1e-3).scores[0]
    truncated = solve_truncated(a, b, 1e-3, 60).directions[:1]
    assert quotients(truncated, a, outside)[0] > 0.995 * best


def test_the_largest_eigenpairs_are_those_of_the_whole_matrix():
    matrix = spectrum(0.8 ** torch.arange(50.0))
    values, vectors = largest_eigenpairs(matrix, 6)
    whole = torch.linalg.eigh(matrix)
    torch.testing.assert_close(values, whole.eigenvalues[-6:], rtol=1e-6, atol=0)
    along = (vectors * whole.eigenvectors[:, -6:]).sum(dim=0).abs()
    torch.testing.assert_close(along, torch.ones(6).double(), rtol=0, atol=1e-5)


def test_robust_pca_recovers_a_planted_low_rank_and_a_planted_sparse_matrix():
    draws = torch.Generator().manual_seed(0)
    d = 60
    factor = torch.randn(d, 3, generator=draws, dtype=torch.float64)
    low_rank = factor @ factor.T
    spikes = torch.rand(d, d, generator=draws, dtype=torch.float64) < 0.02
    sparse = torch.where(spikes, 20 * torch.randn(d, d, generator=draws, dtype=torch.float64), 0)
    sparse = sparse + sparse.T
    parts = robust_pca(low_rank + sparse, d**-0.5, 1e-7, 10_000)
    norm = low_rank.norm()
    assert (parts.low_rank - low_rank).norm() < 1e-4 * norm
    assert (parts.sparse - sparse).norm() < 1e-4 * norm
    assert (parts.low_rank + parts.sparse - low_rank - sparse).norm() < 1e-6 * norm


def test_projection_leaves_nothing_that_the_surroundings_see():
    inside, outside = spectrum([5.0, 3.0, 1.0] + [0.0] * 7), spectrum([2.0] * 4 + [0.0] * 6, seed=1)
    found = project(inside, outside, relax=0)
    torch.testing.assert_close(found.directions.norm(dim=1), torch.ones(3).double())
    assert (found.directions @ outside).norm() < 1e-12
    relaxed = project(inside, outside, relax=2)
    assert torch.linalg.matrix_rank(relaxed.directions @ outside, atol=1e-9) <= 2
    assert (relaxed.scores >= found.scores - 1e-12).all()  # a larger null space leaves more


def test_projection_without_a_null_space_asks_for_more_relaxation():
    with pytest.raises(ValueError, match="rank 5 of 5, .*: relax by more than 0"):
        project(torch.eye(5).double(), torch.eye(5).double(), relax=0)
    relaxed = project(torch.eye(5).double(), torch.eye(5).double(), relax=1)
    assert len(relaxed.directions) == 1  # what is left of five is the one that the relaxation adds


def test_overlap_is_the_share_of_active_cells_in_the_region():
    region = torch.zeros(4, 4)
    region[:2] = 1
    maps = torch.stack([region, 1 - region, torch.eye(4).flip(0) + 2 * region * torch.eye(4)])
    maps[2, 0, 1:3] = 0.5  # active: 4 of the diagonals in each half, then these
    assert overlaps(maps, region)[:2].tolist() == [1.0, 0.0]
    assert overlaps(maps, region)[2] == 6 / 8


def test_principal_components_come_largest_first():
    draws = torch.Generator().manual_seed(0)
    samples = torch.randn(2000, 3, generator=draws) * torch.tensor([1.0, 9.0, 3.0]) + 5
    found = principal_components(samples).abs().argmax(dim=1)
    assert found.tolist() == [1, 2, 0]


@pytest.fixture(scope="module")
def problems(tmp_path_factory):
    path = tiny_snapshot(tmp_path_factory.mktemp("m") / "room.safetensors", "indoor")
    model = open_model(str(path))
    snapshot = model.snapshot
    inputs = scene_inputs(scene_from_seed(model, 3), snapshot)
    mask = inputs.layout.render(0, 16)[0, 0] > 0.4

    def problem(space):
        return Problem(snapshot, inputs, open_space(space, snapshot.config.generator, (), ()), mask)

    return {space: problem(space) for space in ("w", "w+", "style")}


@pytest.mark.parametrize("name", METHODS)
def test_every_method_finds_directions_of_length_1_best_first(problems, name):
    problem = problems["style" if name == "stylespace" else "w"]
    method = LowRank(iterations=100) if name == "lowrank" else METHODS[name]()
    found = method(problem)
    assert found.directions.shape[1] == problem.size and len(found.directions) == len(found.scores)
    torch.testing.assert_close(found.directions.norm(dim=1), torch.ones(len(found.scores)).double())
    if name != "lowrank":  # its directions stay in the order of the region's eigenvectors
        assert (found.scores.diff() <= 0).all()


def test_a_small_step_along_resefa_s_first_changes_the_region_as_its_eigenvalue_says(problems):
    problem = problems["w"]
    found = METHODS["resefa"]()(problem)
    base, after = (
        changed_image(
            problem.snapshot.generator.synthesis,
            problem.inputs,
            problem.space,
            step * found.directions[0].float(),
        )
        for step in (0.0, 1e-2)
    )
    change = (after - base).square().sum(dim=0)
    inside, outside = change[problem.mask].mean(), change[~problem.mask].mean()
    outside = outside + 1e-4 * 1e-3 * problem.grams.outside(0).trace()
    assert float(inside / outside) == pytest.approx(float(found.scores[0]), rel=0.05)


def test_methods_name_the_space_they_need(problems):
    for name, space in (("stylespace", "w"), ("pca", "w+"), ("sefa", "style")):
        with pytest.raises(ValueError, match="choose the space"):
            METHODS[name]()(problems[space])


def test_lowrank_s_weight_is_the_authors_at_their_size():
    assert LowRank().weight == 1 / 60
