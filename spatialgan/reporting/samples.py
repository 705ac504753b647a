"""A montage of samples: one labeled strip per run of a table, cut from the runs' own sample grids.

Every grid shows the same seeds in the same order (8 images per line), so columns compare. Only the first
seed of a run is shown; nothing is selected.
"""

from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from spatialgan.data.members import opened_picture
from spatialgan.documents import read_bytes
from spatialgan.settings.params import Params

GRID_COLUMNS = 8  # images per line of a run's samples.png
STRIP_IMAGES = 16  # shown per run
MIN_SIDE = 64  # pixels per image; smaller ones are enlarged by a whole factor
LABEL_WIDTH = 300
HEADING_HEIGHT = 34
GAP = 4
FONT_SIZE = 17


def montage_of_table(params: Params, item: dict, profile: str) -> Image.Image:
    """Return strips for all rows of a table, under a heading per data set.

    Raises ValueError if none of its runs has samples yet.
    """
    blocks = {
        _heading(params, dataset, profile): strips
        for dataset, strips in _strips(params, item["table"], profile).items()
    }
    if not blocks:
        raise ValueError(f"no run of table '{item['table']}' has samples yet: train one first")
    return _stack(blocks)


def _strips(params: Params, table: str, profile: str) -> dict[str, dict[str, Image.Image]]:
    """Return the strips that exist by data set and title of their row."""
    found: dict[str, dict[str, Image.Image]] = {}
    first_seed = str(params.profile(profile)["seeds"][0])
    for section in params.sections(table).values():
        for run in params.runs(section, profile):
            dataset, row, seed = run.split("/")
            path = params.results(profile).run(run).samples
            if seed == first_seed and path.is_file():
                found.setdefault(dataset, {})[params.rows[row]["title"]] = _strip(path)
    return found


def _strip(path: Path) -> Image.Image:
    """Return the first STRIP_IMAGES images of a grid in one line, enlarged to at least MIN_SIDE pixels."""
    try:
        with opened_picture(read_bytes(path)) as picture:
            grid = picture.convert("RGB")
    except ValueError as error:
        words = str(error).removeprefix(f"{path}: ")
        raise ValueError(f"{path}: no grid of samples ({words}): make it again") from None
    side = grid.width // GRID_COLUMNS
    if not side or grid.height < side:
        raise ValueError(
            f"{path}: {grid.width} x {grid.height} is no grid of samples: make it again"
        )
    count = min(STRIP_IMAGES, GRID_COLUMNS * (grid.height // side))
    strip = Image.new("RGB", (count * side, side))
    for i in range(count):
        line, column = divmod(i, GRID_COLUMNS)
        corner = (column * side, line * side)
        strip.paste(grid.crop((*corner, corner[0] + side, corner[1] + side)), (i * side, 0))
    factor = max(1, -(-MIN_SIDE // side))
    return strip.resize((strip.width * factor, strip.height * factor), Image.Resampling.NEAREST)


def _stack(blocks: dict[str, dict[str, Image.Image]]) -> Image.Image:
    """Return all blocks below each other, on white."""
    strips = [strip for block in blocks.values() for strip in block.values()]
    width = LABEL_WIDTH + max(strip.width for strip in strips)
    height = sum(strip.height + GAP for strip in strips) + HEADING_HEIGHT * len(blocks)
    page = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(page)
    font = ImageFont.load_default(FONT_SIZE)
    top = 0
    for heading, block in blocks.items():
        draw.text((GAP, top + HEADING_HEIGHT / 2), heading, fill="black", font=font, anchor="lm")
        top += HEADING_HEIGHT
        for title, strip in block.items():
            middle = top + strip.height / 2
            draw.text((GAP, middle), _fit(title, draw, font), fill="black", font=font, anchor="lm")
            page.paste(strip, (LABEL_WIDTH, top))
            top += strip.height + GAP
    return page


def _fit(
    title: str, draw: ImageDraw.ImageDraw, font: ImageFont.FreeTypeFont | ImageFont.ImageFont
) -> str:
    """Return the title broken into lines that fit next to the strips."""
    lines = [""]
    for word in title.split():
        longer = f"{lines[-1]} {word}".strip()
        if draw.textlength(longer, font=font) <= LABEL_WIDTH - 3 * GAP or not lines[-1]:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _heading(params: Params, dataset: str, profile: str) -> str:
    source = params.source(dataset, profile)
    line = params.profile(profile)
    stand_in = source.get("stand_in_for")
    name = params.dataset(dataset)["paper_name"]
    data = f"Procedural {dataset} scenes standing in for {stand_in}" if stand_in else name
    return (
        f"{data}, {line['resolution']} px, first {STRIP_IMAGES} samples of seed {line['seeds'][0]}"
    )
