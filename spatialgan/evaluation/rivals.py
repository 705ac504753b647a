"""RIVALS: ways to change one region of an image that are compared at the same change inside it.

A rival is a function `(Case) -> SynthesisInputs | Change | None`: another image to go to, a direction to go along, or
None where the model or the region has no such way. To add one, write it and give it a key at the foot of this file.

Shapes: r resolution, l layers, *m codes if there are several, w style space, d channels, s cells along an axis.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from spatialgan.directions.jacobian import Grams
from spatialgan.directions.lowrank import LowRank
from spatialgan.directions.methods import Method
from spatialgan.directions.pca import Pca
from spatialgan.directions.problem import Problem
from spatialgan.directions.resefa import Resefa
from spatialgan.directions.sefa import Sefa
from spatialgan.directions.spaces import Change, open_space
from spatialgan.directions.stylespace import StyleSpace
from spatialgan.dragging import drag
from spatialgan.evaluation.trials import Trials
from spatialgan.heatmaps.moves import move_objects, remove, where_object
from spatialgan.losses.linkage import Unlinked, linked_axes, redrawn
from spatialgan.networks.generator import SynthesisInputs
from spatialgan.rng import generator_for
from spatialgan.snapshot import Snapshot

DRAG_STEPS = 300  # of DragGAN's, which is stopped then: its authors' own cap
DRAG_LENGTH = 0.5  # of its drags: a quarter of the image
LOW_RANK_ITERATIONS = 500  # of LowRankGAN's robust PCA: the authors' 10,000 take minutes per image


@dataclass(frozen=True)
class Case:
    """One region of one image."""

    snapshot: Snapshot
    inputs: SynthesisInputs  # of the image
    redrawn: SynthesisInputs  # the same with latents of another sample
    trial: Trials | None  # the object and the move to try; None if the model has no objects
    number: int  # of the sample
    region: str  # a key of REGIONS
    mask: Bool[Tensor, "r r"]
    grams: dict[str, Grams]  # of the region, by space, where they are known
    maps: Float[Tensor, "d s s"] | None  # gradients of all channels, for StyleSpace


@dataclass(frozen=True)
class Known(Problem):
    """A problem whose Gram matrices were computed together with those of other regions."""

    known: Grams

    @property
    def grams(self) -> Grams:  # pyright: ignore[reportIncompatibleVariableOverride]
        """Return the Gram matrices of the region, number 0."""
        return self.known


def _first_of(method: Method, name: str) -> Callable[[Case], Change]:
    """Return the rival that goes along a method's first direction."""

    def rival(case: Case) -> Change:
        config = case.snapshot.config.generator
        space = open_space(name, config, (), ())
        problem = Problem(case.snapshot, case.inputs, space, case.mask)
        if name in case.grams:
            problem = Known(case.snapshot, case.inputs, space, case.mask, case.grams[name])
        return space.change(config, method(problem).directions[0].float())

    return rival


def channel(case: Case) -> Change:
    """Return StyleSpace's first channel for the region, by the gradients of all."""
    assert case.maps is not None
    config = case.snapshot.config.generator
    space = open_space("style", config, (), ())
    found = StyleSpace().rank(case.maps, case.mask)
    return space.change(config, found.directions[0].float())


def at_random(case: Case) -> Change:
    """Return a random direction of W."""
    config = case.snapshot.config.generator
    space = open_space("w", config, (), ())
    draws = generator_for(0, f"random/{case.region}", case.number)
    t = torch.randn(space.size(config), generator=draws)
    return space.change(config, (t / t.norm()).to(case.inputs.ws))


def dragged(case: Case) -> SynthesisInputs:
    """Return where DragGAN leads that drags the middle of the region, with all outside of it fixed."""
    cells = drag.default_feature_resolution(case.snapshot.config.generator.resolution)
    ways = case.mask[None, None].to(case.inputs.ws)
    inside = torch.nn.functional.adaptive_max_pool2d(ways, cells)[0, 0]
    places = 2 * (case.mask.nonzero().float() + 0.5) / len(case.mask) - 1
    handle = places.mean(dim=0, keepdim=True)
    draws = generator_for(0, f"drag/{case.region}", case.number)
    angle = 2 * torch.pi * torch.rand((), generator=draws)
    target = (handle + DRAG_LENGTH * torch.stack([angle.sin(), angle.cos()])).clamp(-0.95, 0.95)
    problem = drag.Problem(
        drag.snapshot_features(case.snapshot, cells),
        case.inputs,
        handle,
        target,
        1 - inside,
        drag.DragSettings(max_steps=DRAG_STEPS),
    )
    *_, last = drag.drag_states(problem, drag.DRAGS["latent"])
    return last.inputs()


def moved(case: Case) -> SynthesisInputs | None:
    """Return the image with its object moved; the region is then the discs of both places."""
    if case.trial is None:
        return None
    layout = move_objects(case.inputs.layout, case.trial.objects, case.trial.offsets)
    return replace(case.inputs, layout=layout)


def removed(case: Case) -> SynthesisInputs | None:
    """Return the image without its object."""
    if case.trial is None:
        return None
    layout = case.inputs.layout
    return replace(
        case.inputs, layout=remove(layout, where_object(layout, int(case.trial.objects[0])))
    )


def restyled(case: Case) -> SynthesisInputs | None:
    """Return the image with another style for its object, in models whose objects have one."""
    if case.trial is None or case.inputs.ws.ndim != 4:
        return None
    ws, code = case.inputs.ws.clone(), 1 + int(case.trial.objects[0])
    ws[:, :, code] = case.redrawn.ws[:, :, code]
    return replace(case.inputs, ws=ws)


def resampled(case: Case) -> SynthesisInputs | None:
    """Return the image with the axes of a LinkGAN model's first link drawn again, where that is the region's."""
    linkage, w_dim = case.snapshot.config.linkage, case.snapshot.config.generator.w_dim
    if isinstance(linkage, Unlinked) or linkage.regions != (BOXES.get(case.region),):
        return None
    axes = linked_axes(linkage, w_dim, 0)
    return replace(case.inputs, ws=redrawn(case.inputs.ws, case.redrawn.ws, axes))


# Regions: those that are the same in all images, as `spatialgan directions --region` has them
BOXES = {"left": "box:0,-0.5,2,1", "center": "box:0,0,1,1"}
DISC, DISCS = "disc", "discs"  # of the object to try, and of the places that it moves from and to


ALL = (*BOXES, DISC, DISCS)
MASK, OBJECTS, LINKS = "a mask", "a SpatialGAN's objects", "a LinkGAN's link"


@dataclass(frozen=True)
class Rival:
    """A way to change a region, and what it needs."""

    title: str
    needs: str
    find: Callable[[Case], SynthesisInputs | Change | None]
    space: str = ""  # whose Jacobian it needs, beside the image; "" where it needs none
    regions: tuple[str, ...] = ALL
    is_slow: bool = False  # tried on fewer images
    serves: str = "one image"  # where what was found may be used


RIVALS: dict[str, Rival] = {
    "random": Rival("random direction of W", "nothing", at_random),
    "pca": Rival("PCA, best of all for the image", MASK, _first_of(Pca(), "w"), "w"),
    "sefa": Rival("SeFa, best of all for the image", MASK, _first_of(Sefa(), "w"), "w"),
    "resefa": Rival("ReSeFa in W", MASK, _first_of(Resefa(), "w"), "w"),
    "resefa_plus": Rival("ReSeFa in W+", MASK, _first_of(Resefa(), "w+"), "w+", is_slow=True),
    "lowrank": Rival(
        "LowRankGAN",
        MASK,
        _first_of(LowRank(iterations=LOW_RANK_ITERATIONS), "w"),
        "w",
        is_slow=True,
    ),
    "stylespace": Rival("StyleSpace", MASK, channel, "style", is_slow=True),
    "drag": Rival(  # the middle of two discs is no handle
        "DragGAN, the rest fixed",
        f"{MASK}, two points",
        dragged,
        regions=(*BOXES, DISC),
        is_slow=True,
    ),
    "restyle": Rival(
        "SpatialGAN: restyle the object",
        f"{OBJECTS} with styles",
        restyled,
        regions=(DISC,),
        serves="every image",
    ),
    "move": Rival(
        "SpatialGAN: move the object", OBJECTS, moved, regions=(DISCS,), serves="every image"
    ),
    "remove": Rival(
        "SpatialGAN: remove the object", OBJECTS, removed, regions=(DISC,), serves="every image"
    ),
    "resample": Rival(
        "LinkGAN: resample the link",
        LINKS,
        resampled,
        regions=tuple(BOXES),
        serves="every image",
    ),
}
