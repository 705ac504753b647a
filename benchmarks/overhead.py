"""What SpatialGAN (SEL at 4-16, alignment) costs over our own baseline at the paper's widths and 256 pixels.

    python -m benchmarks.overhead [--precision bf16] [--batch 4]

Counts the multiply-adds of a training step (forward and backward of both networks) and times steps of the
rows, alternating. The paper says about 30 % more training time.
"""

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.steps import configured, our_step, seconds_per_step

ROWS = ("baseline", "sel", "spatialgan")


def gmacs_per_image(row: str, batch: int) -> float:
    """Return 1e9 multiply-adds per image of a row's training step, without the R1 penalty, the same for all rows."""
    step = our_step(configured(f"cat/{row}/0", "paper", batch, "fp32"))
    with FlopCounterMode(display=False) as counter:
        step(1)
    return counter.get_total_flops() / 2 / batch / 1e9


@click.command()
@click.option("--precision", default="bf16", show_default=True, type=click.Choice(["fp32", "bf16"]))
@click.option("--batch", default=4, show_default=True)
@click.option("--rounds", default=3, show_default=True, help="Alternating rounds.")
@click.option(
    "--steps", default=2, show_default=True, help="Steps in a round; the first has the R1 penalty."
)
@click.option("--threads", default=1, show_default=True)
def main(precision: str, batch: int, rounds: int, steps: int, threads: int) -> None:
    """Print multiply-adds and seconds per image of the rows, relative to the baseline."""
    torch.set_num_threads(threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    macs = {row: gmacs_per_image(row, batch) for row in ROWS}
    candidates = {
        row: our_step(configured(f"cat/{row}/0", "paper", batch, precision), device) for row in ROWS
    }
    seconds = seconds_per_step(candidates, rounds, steps)
    print(
        f"paper widths, 256 px, batch {batch}, {precision} on {device}, {threads} thread(s), torch {torch.__version__}"
    )
    for row in ROWS:
        more_macs, more_time = (
            macs[row] / macs["baseline"] - 1,
            seconds[row] / seconds["baseline"] - 1,
        )
        print(
            f"{row:12} {macs[row]:7.1f} GMAC/image ({more_macs:+.1%})"
            f"   {seconds[row] / batch:7.3f} s/image ({more_time:+.1%})"
        )


if __name__ == "__main__":
    main()
