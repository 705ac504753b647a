"""Links: how well axes of W are tied to regions of the image, for both a LinkGAN row and its twin without links.

Of each sample the first axes are drawn again, or all behind those that are linked, as the row's own share has it (the
default of linkages for rows without links). The regions are REGIONS, whatever the row's own are: `linked` is the change
inside over that outside when linked axes are drawn again, `others` that outside over that inside for the others, both
of mean squares over pixels and images; `reach` is the mean over images of the former's change inside as a root mean
square, and `contrast` the standard deviation of the pixels inside (images in [-1, 1]).

Shapes: n samples, k links, r resolution, l layers, w style space, *m codes if there are several.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from spatialgan.directions.regions import Box
from spatialgan.evaluation.bootstrap import Ratio, intervals
from spatialgan.evaluation.harness import Findings, Procedure, Setup
from spatialgan.evaluation.ways import change_in
from spatialgan.losses.linkage import Relative, Unlinked, linked_axes, redrawn
from spatialgan.snapshot import Snapshot, draw_samples

BOOTSTRAP_SEED = 0
BATCH = 32  # samples drawn together; changes no result
REDRAWN = 1 << 30  # of a sample's index, that of the other sample whose axes replace its own
# By name, the region of each link
REGIONS = {
    "left": (Box((0, -0.5), (2, 1)),),
    "center": (Box((0, 0), (1, 1)),),
    "two": (Box((0, -0.5), (1, 0.5)), Box((0, 0.5), (1, 0.5))),
}
NAMES = ("linked_inside", "linked_outside", "others_outside", "others_inside", "contrast")


def protocol(setup: Setup) -> dict:
    """Return what must agree before two results may be compared."""
    return {
        "num_trials": setup.settings["num_comove"],
        "truncation_psi": 1,
        "noise_mode": "fixed per sample index",
    }


def observe(snapshot: Snapshot, setup: Setup, done: Sequence[dict]) -> Iterator[dict]:
    """Yield batches of changes, five numbers per sample and set of regions (NAMES)."""
    total = setup.settings["num_comove"]
    start = done[-1]["next"] if done else 0
    with tqdm(total=total, initial=start, desc="resampling", unit="sample", disable=None) as bar:
        for first in range(start, total, BATCH):
            stop = min(first + BATCH, total)
            found = changes(snapshot, setup.seed, first, stop)
            bar.update(stop - first)
            yield {"next": stop, **{name: values.tolist() for name, values in found.items()}}


@torch.no_grad()
def changes(
    snapshot: Snapshot, seed: int, start: int, stop: int
) -> dict[str, Float[Tensor, "n 5"]]:
    """Return the numbers of samples start..stop-1 by set of regions, in the order of NAMES."""
    config, device = snapshot.config, snapshot.w_avg.device
    samples = draw_samples(config, seed, start, stop).to(device)
    others = draw_samples(config, seed, REDRAWN + start, REDRAWN + stop).to(device)
    ws, again = (snapshot.generator.styles(z, samples.layout) for z in (samples.z, others.z))
    linkage = config.linkage
    if isinstance(linkage, Unlinked):
        linkage = Relative(("",))

    def draw(styles: Float[Tensor, "n l *m w"]) -> Float[Tensor, "n 3 r r"]:
        images = snapshot.generator.synthesis(styles, samples.layout, samples.noise)
        return images.clamp(-1, 1)

    before, most = draw(ws), max(map(len, REGIONS.values()))
    spans = [linked_axes(linkage, config.generator.w_dim, link) for link in range(most)]
    linked = [draw(redrawn(ws, again, axes)) for axes in spans]
    rest = [draw(redrawn(ws, again, slice(axes.stop, ws.shape[-1]))) for axes in spans]
    found = {}
    for name, boxes in REGIONS.items():
        masks = torch.stack([box.pixels(before.shape[-1]) for box in boxes]).to(device)
        union, last = masks.any(dim=0), rest[len(boxes) - 1]
        pairs = list(zip(linked, masks, strict=False))
        columns = [
            torch.stack([change_in(before, image, mask) for image, mask in pairs]).mean(dim=0),
            torch.stack([change_in(before, image, ~mask) for image, mask in pairs]).mean(dim=0),
            change_in(before, last, ~union),
            change_in(before, last, union),
            before.mean(dim=1)[:, union].std(dim=1),
        ]
        found[name] = torch.stack(columns, dim=1).cpu()
    return found


def conclude(snapshot: Snapshot, setup: Setup, batches: Sequence[dict]) -> Findings:
    """Return linked, others, reach and contrast of each set of regions, with intervals over samples."""
    ratios = {}
    for name in REGIONS:
        table = np.array([line for batch in batches for line in batch[name]], dtype=float)
        column = dict(zip(NAMES, table.T, strict=True))
        ones = np.ones(len(table))
        ratios |= {
            f"linked_{name}": Ratio(column["linked_inside"] ** 2, column["linked_outside"] ** 2),
            f"others_{name}": Ratio(column["others_outside"] ** 2, column["others_inside"] ** 2),
            f"reach_{name}": Ratio(column["linked_inside"], ones),
            f"contrast_{name}": Ratio(column["contrast"], ones),
        }
    found = intervals(ratios, BOOTSTRAP_SEED)
    return Findings({name: ratios[name].value for name in found}, found)


LINKS = Procedure(protocol, observe, conclude)
