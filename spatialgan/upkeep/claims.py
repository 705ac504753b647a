"""What claims are weighed by: all analyses, the tables whose orderings are claims, and single measures."""

from collections.abc import Iterator
from typing import Any

from spatialgan.upkeep.steps import Step


def needs_of_claims(graph: Any) -> Iterator[Step]:
    """Yield the steps that the claims of a profile's Graph are weighed by, some more than once."""
    params = graph.params
    yield from map(graph.analysis, params.analyses)
    for claim in params.claims.values():
        if "beside" in claim:
            rows = [claim["row"], claim["beside"]]
            runs = [
                f"{claim['dataset']}/{row}/{seed}" for row in rows for seed in graph.line["seeds"]
            ]
            yield from map(graph.run, runs)
        elif "row" in claim:
            file, run = (
                params.metrics[claim["metric"]]["file"],
                f"{claim['dataset']}/{claim['row']}",
            )
            yield from (graph.metric(f"{run}/{seed}", file) for seed in graph.line["seeds"])
        if "table" in claim:
            yield from graph.needs_of_table(claim["table"])
    for table in params.orderings:  # those on request are weighed as far as they were made
        if "on_request" not in params.tables[table]:
            yield from graph.needs_of_table(table)
