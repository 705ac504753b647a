"""What LinkGAN's phase costs over its twin without links: multiply-adds and CPU seconds of a training step.

    python -m benchmarks.linking [--profile workstation]

A cycle of 16 steps has each lazy phase as often as a training has. Rounds of both alternate, in CPU time of one thread.
"""

import statistics
import time

import click
import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.steps import CYCLE, configured, our_step
from spatialgan.settings.config import load_params

TWIN = "baseline"


def cpu_seconds(rows: tuple[str, ...], profile: str, rounds: int) -> dict[str, list[float]]:
    """Return each row's CPU seconds per step, round by round."""
    batch = load_params().profile(profile)["batch"]
    steps = {row: our_step(configured(f"cat/{row}/0", profile, batch, "fp32")) for row in rows}
    for step in steps.values():
        for index in range(CYCLE):
            step(index)
    found: dict[str, list[float]] = {row: [] for row in rows}
    for _ in range(rounds):
        for row, step in steps.items():
            started = time.process_time()
            for index in range(CYCLE):
                step(index)
            found[row].append((time.process_time() - started) / CYCLE)
    return found


def gmacs_per_step(row: str, profile: str) -> float:
    """Return 1e9 multiply-adds of a step, the mean of 8 of which one links, without the R1 penalty, the same for both."""
    batch = load_params().profile(profile)["batch"]
    step = our_step(configured(f"cat/{row}/0", profile, batch, "fp32"))
    with FlopCounterMode(display=False) as counter:
        for index in range(1, 9):
            step(index)
    return counter.get_total_flops() / 2 / 8 / 1e9


@click.command()
@click.option("--profile", default="laptop", show_default=True)
@click.option("--rounds", default=8, show_default=True, help="Alternating rounds.")
def main(profile: str, rounds: int) -> None:
    """Print the seconds of a step of the linked row, relative to its twin's."""
    torch.set_num_threads(1)
    macs = {row: gmacs_per_step(row, profile) for row in (TWIN, "link_left")}
    more = macs["link_left"] / macs[TWIN] - 1
    click.echo(f"{macs[TWIN]:.4f} and {macs['link_left']:.4f} GMAC per step ({more:+.1%})")
    found = cpu_seconds((TWIN, "link_left"), profile, rounds)
    ratios = [b / a for a, b in zip(found[TWIN], found["link_left"], strict=True)]
    for row, seconds in found.items():
        click.echo(f"{row:12} {statistics.median(seconds):.4f} CPU s per step")
    low, high = min(ratios), max(ratios)
    click.echo(f"overhead {statistics.median(ratios) - 1:+.1%} ({low - 1:+.1%} to {high - 1:+.1%})")


if __name__ == "__main__":
    main()
