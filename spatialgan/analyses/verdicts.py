"""On which side of its bound a claim's number is, by its interval: the plain verdict."""

from collections.abc import Mapping
from dataclasses import dataclass

from spatialgan.analyses.findings import Number

SO, NOT_SO, UNDECIDED = "so", "not so", "undecided"


@dataclass(frozen=True)
class Bound:
    """What a claim's number must be above, or, if `is_most`, below."""

    value: float
    is_most: bool = False

    @staticmethod
    def of(claim: Mapping) -> "Bound":
        """Return the bound of an entry of `claims` in params/analyses.yaml."""
        if "most" in claim:
            return Bound(claim["most"], is_most=True)
        return Bound(claim.get("least", 0))

    @property
    def text(self) -> str:
        """Return it for people."""
        return f"{'below' if self.is_most else 'above'} {self.value:g}"

    def verdict(self, low: float, high: float) -> str:
        """Return SO if an interval is on the claim's side of the bound, NOT_SO on the other, UNDECIDED across it."""
        if low > self.value:
            return NOT_SO if self.is_most else SO
        if high < self.value:
            return SO if self.is_most else NOT_SO
        return UNDECIDED

    def of_model(self, number: Number) -> str:
        """Return what is so in one model, by the interval over the samples that its number was measured on."""
        return self.verdict(number.low, number.high)
