"""The page of an analysis in Markdown: what the paper says, what is so in these models, and what would refute it."""

from collections.abc import Iterator, Mapping

import pandas as pd

from spatialgan.analyses.findings import Findings, Table
from spatialgan.analyses.verdicts import NOT_SO, SO, UNDECIDED, Bound
from spatialgan.markup import markdown_line, markdown_text
from spatialgan.reporting.formats import markdown_table

IN_MODELS = (
    "What is so in these models, each one training: where the 95 % interval over samples (images, layouts, drags) is on one"
    " side of the claim's bound, that is so, or not so, of this model; else it is undecided. Whether it holds of the method, which takes several"
    " trainings that have learned, is for claims.md to say."
)


def analysis_page(
    item: Mapping,
    claims: Mapping[str, Mapping],
    found: Findings,
    made: str,
    kimg: Mapping[str, float],
) -> str:
    """Return the page of an entry of analyses.yaml; `claims` are those it has evidence of, `kimg` is by run."""
    parts = [
        f"# {markdown_text(item['title'])}",
        f"Source: {markdown_text(item['source'])}.",
        f"**The paper.** {markdown_text(item['paper'])}",
        f"![{markdown_text(item['title'])}]({made}.png)",
        markdown_line(found.caption),
    ]
    for table in found.tables.values():
        if any(table.cells.values()):
            parts += [f"**{markdown_text(table.caption)}**", markdown_table(table_frame(table))]
    measured = {name: claim for name, claim in claims.items() if found.evidence.get(name)}
    if measured:
        lines = "\n".join(f"- {line}" for line in _in_models(measured, found))
        parts += [markdown_line(IN_MODELS), lines, markdown_table(_evidence_frame(measured, found))]
    unmeasured = [claim["says"] for name, claim in claims.items() if name not in measured]
    if unmeasured:
        parts += [markdown_line(f"Not measured in these models: {'; '.join(unmeasured)}.")]
    parts += [f"**What would change one's mind.** {markdown_text(item['doubt'])}"]
    settings = ", ".join(f"{name} {value}" for name, value in found.protocol.items())
    parts += [f"Intervals are 95 % ones over samples of one training each. Protocol: {settings}."]
    trained = ", ".join(f"{run} for {value:g}" for run, value in kimg.items())
    parts += [f"Trained, in kimg: {trained}."]
    return "\n\n".join(parts) + "\n"


def table_frame(table: Table) -> pd.DataFrame:
    """Return a table as text, "-" where a row has no number."""
    columns = list(dict.fromkeys(name for cells in table.cells.values() for name in cells))
    lines = [
        {"": row, **{c: cells[c].text(table.digits) if c in cells else "-" for c in columns}}
        for row, cells in table.cells.items()
    ]
    return pd.DataFrame(lines)


def _in_models(claims: Mapping[str, Mapping], found: Findings) -> Iterator[str]:
    """Yield a line per claim: the models in which it is so, in which it isn't, and in which that is undecided."""
    for name, claim in claims.items():
        bound, runs = Bound.of(claim), {}
        for run, number in found.evidence[name].items():
            runs.setdefault(bound.of_model(number), []).append(run)
        said = [f"{v} in {', '.join(runs[v])}" for v in (SO, NOT_SO, UNDECIDED) if v in runs]
        yield markdown_text(f"{claim['says']} ({claim['source']}): {'; '.join(said)}.")


def _evidence_frame(claims: Mapping[str, Mapping], found: Findings) -> pd.DataFrame:
    lines = []
    for name, claim in claims.items():
        shown = {run: number.text() for run, number in found.evidence[name].items()}
        lines.append({"number": claim["number"], "so if": Bound.of(claim).text, **shown})
    return pd.DataFrame(lines).fillna("-")
