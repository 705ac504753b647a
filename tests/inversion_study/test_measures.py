"""What studies measure: centers, matched fairly, and numbers over scenes that are edited several times."""

import numpy as np
import pytest
import torch

from spatialgan.evaluation.trials import Renderer
from spatialgan.heatmaps.layout import Gaussians, Layout
from spatialgan.inversion_study.centers import center_error, chance, distances
from spatialgan.inversion_study.editing import by_scene, repeated
from spatialgan.inversion_study.page import shown
from spatialgan.inversion_study.replicates import Number, means
from spatialgan.networks.generator import GeneratorInputs


def layout(*centers):
    n = len(centers)
    return Layout((Gaussians(torch.tensor([centers]), torch.ones(1, n), torch.ones(1, n)),), 1)


def test_objects_are_matched_one_to_one():
    truth = layout((0.0, 0.0), (0.0, 0.2), (3.0, 0.0))  # the last is outside the image
    found = layout((0.0, 0.1), (0.0, 1.0), (0.9, 0.9))
    # the nearest found center is 0.05 from both, but only one can have it
    assert sorted(distances(truth, found, False)) == pytest.approx([0.05, 0.4])


def test_where_there_is_an_order_the_same_index_counts():
    truth, found = layout((0.0, 0.0), (0.0, 0.5)), layout((0.0, 0.5), (0.0, 0.0))
    assert distances(truth, found, True) == pytest.approx([0.25, 0.25])
    assert distances(truth, found, False) == pytest.approx([0.0, 0.0])


def test_the_median_is_over_all_scenes_and_its_interval_over_whole_ones():
    error = center_error([[0.1, 0.1], [0.3, 0.3, 0.3]], 0)
    assert error.value == pytest.approx(0.3)
    assert error.to_json()["interval"] == pytest.approx([0.1, 0.3])
    assert center_error([[], []], 0) is None
    assert chance(layout((0.0, 0.0)), layout((0.0, 1.0)), True) == pytest.approx(0.5)


def test_edits_of_one_scene_count_as_one_observation():
    columns = np.array([[1.0, 1.0], [3.0, 1.0], [2.0, 1.0], [4.0, 1.0]])
    sums = by_scene(columns, [0, 1, 0, 1], 2)
    assert sums.tolist() == [[3.0, 2.0], [7.0, 2.0]]
    low, high = Number.of(sums, lambda s: s[0] / s[1], 0).to_json()["interval"]
    assert (low, high) == (1.5, 3.5)


def test_quotients_and_means_have_intervals():
    ours, own = means(np.array([[2.0, 4.0], [2.0, 4.0]]), 0)
    assert ours.over(own).to_json() == {"value": 0.5, "interval": [0.5, 0.5]}
    assert ours.over(Number(0.0, np.zeros(3))) is None
    assert Number.of(np.zeros((2, 2)), lambda s: s[0] / s[1], 0) is None
    assert shown(ours.over(own).to_json(), 2) == "0.50 [0.50, 0.50]" and shown(None, 2) == "-"


def test_samples_are_drawn_over_and_over():
    def draw(start, stop):
        z = torch.arange(start, stop).float()[:, None]
        return GeneratorInputs(z, Layout((), stop - start), [])

    renderer = repeated(Renderer(draw, lambda inputs: inputs), 3)
    assert renderer.draw(2, 7).z[:, 0].tolist() == [2, 0, 1, 2, 0]
