"""What claims are weighed by: all analyses, the tables whose orderings are claims, and single measures."""

from collections.abc import Iterator
from typing import Any

from spatialgan.upkeep.steps import Step


def needs_of_claims(graph: Any) -> Iterator[Step]:
    """Yield the steps that the claims of a profile's Graph are weighed by, some more than once."""
    params = graph.params
    yield from map(graph.analysis, params.analyses)
    for claim in params.claims.values():
        if "row" in claim:
            file, run = (
                params.metrics[claim["metric"]]["file"],
                f"{claim['dataset']}/{claim['row']}",
            )
            yield from (graph.metric(f"{run}/{seed}", file) for seed in graph.line["seeds"])
        if "table" in claim:
            yield from graph.needs_of_table(claim["table"])
    for table in params.orderings:
        yield from graph.needs_of_table(table)
