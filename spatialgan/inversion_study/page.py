"""The table of inversions in Markdown: for each model a line per method."""

from collections.abc import Mapping

import pandas as pd

from spatialgan.markup import markdown_line, markdown_text
from spatialgan.reporting.formats import markdown_table

ABOUT = (
    "Drawn scenes that no training has seen are inverted by each method. Squared errors are those of bytes, in [-1, 1]."
    " 'Of nearest' is the mean squared error as a part of the nearest sample's that the search begins with. 'Perceptual' is"
    " the distance by the network that the search itself makes small, 'judged' that by another network. Seconds are CPU"
    " seconds of one thread. Then objects move and disappear, several times in each scene: 'of own' is a number as a part of"
    " that of the model's own samples. In brackets: 95 % intervals over scenes."
)
CENTERS = (
    "Images of the model itself, whose layouts are known: the median distance of true centers inside the image from those"
    " found, in image widths, and that from layouts which have nothing to do with them (chance)."
)
FITS = {
    "mse": ("MSE", 4),
    "mse_of_nearest": ("of nearest", 3),
    "psnr": ("PSNR (dB)", 1),
    "perceptual": ("perceptual", 3),
    "judged": ("judged", 3),
    "seconds": ("seconds", 1),
}
EDITABILITY = {
    "move_locality": ("locality of moves", 2),
    "remove_locality": ("of removals", 2),
    "comove": ("Co-move", 2),
    "strict": ("strict Co-move", 2),
    "coverage": ("coverage", 2),
}


def study_page(documents: Mapping[str, Mapping]) -> str:
    """Return the page of the studies of some models, by the names of their entries."""
    parts = ["# Inversion", markdown_line(ABOUT)]
    for name, document in documents.items():
        by = f"perceptual by {document['perceptual_by']['name']}, judged by {document['judged_by']['name']}"
        head = (
            f"{document['num']} photos of {document['dataset']} at {document['pixels']} pixels, {document['num_own']} own"
            f" images, {document['edits_per_scene']} edits of each scene; {by}."
        )
        parts += [
            f"## {markdown_text(name)}",
            markdown_line(head),
            f"![{name}](../inversion/{name}.png)",
        ]
        parts.append(markdown_table(_fits(document)))
        if document["own_edits"]:
            parts.append(markdown_table(_edits(document)))
        parts += [markdown_line(CENTERS), markdown_table(_own(document))]
    return "\n\n".join(parts) + "\n"


def shown(number: Mapping | None, digits: int) -> str:
    """Return a number with its interval, a dash where there is none."""
    if not number:
        return "-"
    low, high = number["interval"]
    return f"{number['value']:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _fits(document: Mapping) -> pd.DataFrame:
    return pd.DataFrame(
        {"method": m["title"]} | {t: shown(m["fit"].get(k), d) for k, (t, d) in FITS.items()}
        for m in document["methods"].values()
    )


def _edits(document: Mapping) -> pd.DataFrame:
    columns = {key: style for key, style in EDITABILITY.items() if key in document["own_edits"]}
    lines = [("the model's own samples", document["own_edits"], {})]
    lines += [(m["title"], m["edits"], m["of_own"]) for m in document["methods"].values()]
    rows = []
    for title, edits, parts in lines:
        row = {"method": title}
        for key, (words, digits) in columns.items():
            row[words] = shown(edits.get(key), digits)
            row[f"{words}, of own"] = shown(parts.get(key), 2)
        rows.append(row)
    return pd.DataFrame(rows)


def _own(document: Mapping) -> pd.DataFrame:
    rows = []
    for method in document["methods"].values():
        own = method["own"]
        if own:
            by_chance = own["center_by_chance"]
            rows.append(
                {
                    "method": method["title"],
                    "MSE": shown(own["fit"].get("mse"), 4),
                    "of nearest": shown(own["fit"].get("mse_of_nearest"), 3),
                    "centers": shown(own["center"], 3),
                    "by chance": "-" if by_chance is None else f"{by_chance:.3f}",
                    "centers are matched": own["centers_matched"],
                }
            )
    return pd.DataFrame(rows)
