"""METHODS: how directions for a region are found.

A method is a frozen dataclass whose fields are its numbers, called with a `Problem`; it returns `Found`. To
add one: write it in a separate file and give it a key here.
"""

from spatialgan.directions.lowrank import LowRank
from spatialgan.directions.pca import Pca
from spatialgan.directions.resefa import Resefa
from spatialgan.directions.sefa import Sefa
from spatialgan.directions.stylespace import StyleSpace

Method = Resefa | LowRank | StyleSpace | Pca | Sefa

METHODS: dict[str, type[Method]] = {
    "resefa": Resefa,
    "lowrank": LowRank,
    "stylespace": StyleSpace,
    "pca": Pca,
    "sefa": Sefa,
}
