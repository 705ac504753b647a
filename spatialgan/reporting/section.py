"""A section of a table, ready to be written in any format. Text in it is plain."""

from dataclasses import dataclass, field

import pandas as pd

NOT_RUN = "-"
NOT_APPLICABLE = "N/A"


@dataclass(frozen=True)
class Part:
    """A frame of cells with the text above it."""

    caption: str  # "" where the section's own heading is enough
    frame: pd.DataFrame  # text


@dataclass(frozen=True)
class Section:
    """What a section shows."""

    tables: list[Part]  # in every format
    numbers: dict  # the numbers in the cells, under data set and row
    lines: pd.DataFrame  # every number in full precision, for CSV
    seeds: list[str]  # how several seeds, and samples of each, come together in a cell
    additions: list[Part] = field(default_factory=list)  # in Markdown and HTML alone
    remarks: list[str] = field(default_factory=list)  # sentences under the tables
    reading: list[str] = field(default_factory=list)  # sentences on how to read the cells
