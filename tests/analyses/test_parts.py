"""Parts: classes of pixels in drawings, and what a network that finds them says of where they are."""

import numpy as np
import pytest
import torch
from torch import nn

from spatialgan import drawn
from spatialgan.analyses import parts
from spatialgan.analyses.continuity import Seen, evidence_of_noise, frechet, with_impulses
from spatialgan.analyses.findings import Number
from spatialgan.analyses.levels import alone, move_level, part_ways
from spatialgan.analyses.parts import Parser, labels, skill_tables
from spatialgan.analyses.pose import explained
from spatialgan.heatmaps.samplers import SAMPLERS


class Colors(nn.Module):
    """A network that knows: what is red is the ear, what is green the body."""

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return 40 * torch.stack([images[:, 2], images[:, 1], images[:, 0]], dim=1)


PARSER = Parser(Colors(), ("background", "body", "ear"), {})  # pyright: ignore[reportArgumentType]


def picture(ear: tuple[int, int], body: tuple[int, int]) -> torch.Tensor:
    """Return an image with a red and a green square of 4 pixels, whose corners are given."""
    image = -torch.ones(3, 32, 32)
    image[2] = 1
    for channel, (y, x) in ((0, ear), (1, body)):
        image[:, y : y + 4, x : x + 4] = -1
        image[channel, y : y + 4, x : x + 4] = 1
    return image


def test_pixels_belong_to_the_innermost_part() -> None:
    drawing = drawn.draw("cat", 0, 0, 64)
    names = ("background", "cat", "head", "eye")
    found = labels(drawing, names)
    masks = {one.name: one.mask for one in drawing.instances}
    assert (found[masks["eye"]] == 3).all()
    assert set(np.unique(found[masks["head"]])) == {2, 3}
    assert (found[~masks["cat"]] == 0).all()


def test_a_part_that_moves_with_the_offset_goes_all_the_way() -> None:
    before = torch.stack([picture((8, 8), (20, 20))] * 2)
    after = torch.stack([picture((8, 12), (20, 20)), picture((12, 8), (20, 20))])
    offsets = torch.tensor([[0.0, 0.25], [0.0, 0.25]])  # 4 of 32 pixels to the right
    along, aside = part_ways(PARSER, "ear", before, after, offsets)
    assert along == pytest.approx([1, 0], abs=1e-3)
    assert aside == pytest.approx([0, -1], abs=1e-3)
    along, aside = part_ways(PARSER, "body", before, after, offsets)
    assert along == pytest.approx([0, 0], abs=1e-3) and aside == pytest.approx([0, 0], abs=1e-3)


def test_a_part_that_is_not_there_goes_nowhere_known() -> None:
    images = torch.stack([picture((8, 8), (20, 20))])
    empty = -torch.ones(1, 3, 32, 32)
    empty[:, 2] = 1
    along, _ = part_ways(PARSER, "ear", images, empty, torch.tensor([[0.0, 0.25]]))
    assert np.isnan(along).all()
    assert PARSER.whole(images).sum() == 32 and PARSER.whole(empty).sum() == 0


def test_a_part_moves_alone_if_it_goes_further_than_every_other() -> None:
    flat = np.zeros(20)
    assert alone({"body": flat, "eye": flat + 1, "ear": flat}, "eye") == Number(1, 1, 1)
    assert alone({"body": flat, "eye": flat + 1, "ear": flat + 1}, "eye") == Number(0, 0, 0)
    backwards = {"body": flat - 1, "eye": flat, "ear": flat - 1}  # it stays, the others go back
    assert alone(backwards, "eye") == Number(0, 0, 0)
    assert alone({"body": flat, "eye": flat * np.nan}, "eye") is None
    assert alone({"body": flat * np.nan, "eye": flat + 1}, "eye") is None
    assert alone({"body": flat}, "eye") is None
    noise = np.random.default_rng(0).normal(size=20)
    found = alone({"body": noise, "eye": flat + 1}, "eye")
    assert found is not None and found.low <= found.value <= found.high <= 1


def test_the_top_two_centers_move_alone() -> None:
    layout = SAMPLERS["hierarchical"]()(6, torch.Generator().manual_seed(0))
    moved = move_level(layout, 2, torch.full((6, 2), 0.5), 2)
    before, after = (one.levels[2].centers for one in (layout, moved))
    shifted = (after - before).abs().sum(dim=-1) > 0
    assert shifted.sum(dim=1).tolist() == [2] * 6
    height = before[..., 0]
    assert (height[shifted].reshape(6, 2).amax(1) < height[~shifted].reshape(6, 2).amin(1)).all()


def test_networks_say_how_well_they_do_and_how_much_they_find() -> None:
    parser = Parser(Colors(), PARSER.names, {"background": 1.0, "body": 0.9, "ear": 0.5})  # pyright: ignore[reportArgumentType]
    skill, frame = skill_tables()
    parser.put_skill(skill, "cat")
    images = torch.stack([picture((8, 8), (20, 20))])
    parser.put_frame(frame, "cat/sel/0", torch.ones(1, 32, 32), images)
    assert {k: n.value for k, n in skill.cells["cat"].items()} == {"body": 0.9, "ear": 0.5}
    found = {k: n.value for k, n in frame.cells["cat/sel/0"].items()}
    assert found == {"drawings": 1.0, "found in generated images": 32 / 32**2}


def test_noise_is_judged_by_the_training_with_it_beside_the_one_without() -> None:
    draws = np.random.default_rng(0)
    real = draws.normal(size=(60, 3))

    def seen(clean: float, noisy: float, ways: float) -> Seen:
        moved = {p: real + [3 + by, 0, 0] for p, by in ((0.0, clean), (0.05, noisy))}
        way = ways + 0.1 * draws.normal(size=60)
        return Seen(moved, {0.0: way, 0.05: way / 2}, real)

    runs = {"cat/spatialgan/0": seen(0, 9, 1.0), "cat/impulse/0": seen(5, 1, 1.0)}
    found = evidence_of_noise(runs)
    assert set(found) == {"impulse_quality", "impulse_control"}
    (grown,), (left,) = (found[name].values() for name in ("impulse_quality", "impulse_control"))
    assert grown.value == pytest.approx(16 / 9 - 1) and left.value == pytest.approx(0.5)
    assert evidence_of_noise({"cat/spatialgan/0": seen(0, 9, 1.0)}) == {}
    still = {**runs, "cat/impulse/0": seen(5, 1, 0.0)}  # nothing that could be lost
    assert set(evidence_of_noise(still)) == {"impulse_quality"}


@pytest.mark.slow
@pytest.mark.unchecked
def test_training_finds_the_cat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "NUM_TRAINED", 80)
    monkeypatch.setattr(parts, "NUM_TESTED", 20)
    monkeypatch.setattr(parts, "STEPS", 60)
    parser = parts.open_parser.__wrapped__("cat", 16)
    assert parser.iou["background"] > 0.75 and parser.iou["body"] > 0.4


def test_the_share_that_lines_explain() -> None:
    draws = np.random.default_rng(0)
    lines, noise = draws.normal(size=(30, 1)), draws.normal(size=(30, 6))
    for weight, share in ((0.0, 0.0), (1.0, 0.5), (3.0, 0.9)):
        found = explained(weight * lines + noise)
        assert found is not None and found.value == pytest.approx(share, abs=0.12)
        assert found.low <= found.value <= found.high
    decided = explained(np.repeat(lines, 6, axis=1))
    assert decided is not None and decided.value == pytest.approx(1)
    holes = np.repeat(lines, 6, axis=1)
    holes[:28] = np.nan
    assert explained(holes) is None


def test_frechet_distance_in_closed_form() -> None:
    draws = np.random.default_rng(0)
    a = draws.normal(size=(500, 3))
    assert frechet(a, a) == pytest.approx(0, abs=1e-6)
    assert frechet(a, a + [3.0, 4.0, 0.0]) == pytest.approx(25)
    variances = np.var(a, axis=0, ddof=1).sum()
    assert frechet(a, 3 * a - 2 * a.mean(axis=0)) == pytest.approx(4 * variances, rel=1e-6)


def test_impulses_replace_the_share_that_is_asked_for() -> None:
    layout = SAMPLERS["hierarchical"]()(200, torch.Generator().manual_seed(0))
    none, some = with_impulses(layout, 0.0), with_impulses(layout, 0.2)
    for level in range(3):
        size = 4 << level
        torch.testing.assert_close(none.render(level, size), layout.render(level, size))
        changed = some.render(level, size)[some.levels[level].mask]
        assert set(changed.unique().tolist()) == {0.0, 1.0}
        assert some.levels[level].mask.float().mean().item() == pytest.approx(0.2, abs=0.03)
