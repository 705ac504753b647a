"""The page of an analysis in Markdown: what the paper says, what is seen here, and what would refute it."""

from collections.abc import Mapping

import pandas as pd

from spatialgan.analyses.findings import Findings, Table
from spatialgan.markup import markdown_line, markdown_text
from spatialgan.reporting.formats import markdown_table

EVIDENCE = (
    "What each training says of the claims: a number, with its 95 % interval over samples, that is above the bound"
    " where the claim holds. Whether it holds of the method is for claims.md to say."
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
        if table.cells:
            parts += [f"**{markdown_text(table.caption)}**", markdown_table(table_frame(table))]
    if claims:
        parts += [markdown_line(EVIDENCE), markdown_table(_evidence_frame(claims, found))]
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


def _evidence_frame(claims: Mapping[str, Mapping], found: Findings) -> pd.DataFrame:
    lines = []
    for name, claim in claims.items():
        said = f"{claim['says']}: {claim['number']}"
        shown = {run: number.text() for run, number in found.evidence.get(name, {}).items()}
        lines.append(
            {"claim, and the number": said, "above": f"{claim.get('least', 0):g}", **shown}
        )
    return pd.DataFrame(lines).fillna("-")
