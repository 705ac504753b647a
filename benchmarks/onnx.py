"""Images per second by onnxruntime and by torch, of the same exported model, in one process and alternating.

    python -m benchmarks.onnx [--model bedroom] [--seconds 5] [--threads 1]

Both make images from latents, layouts and noise that are drawn already. The largest difference of their bytes says
whether one may stand for the other where scenes must be exact.
"""

import time
from collections.abc import Callable

import click
import onnxruntime
import torch

from spatialgan.export import export_model, named_inputs
from spatialgan.models.opened import open_model
from spatialgan.scenes.scene import TRUNCATION_PSI
from spatialgan.snapshot import draw_samples, render, to_uint8

ROUNDS = 5  # by turns


def images_per_second(batch: int, seconds: float, make: Callable[[], object]) -> float:
    """Return how many images a function makes in a second, if it makes a batch at a time."""
    began, count = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        make()
        count += batch
    return count / (time.perf_counter() - began)


@click.command()
@click.option("--model", default="bedroom", show_default=True)
@click.option("--seconds", default=5.0, show_default=True, help="Of each.")
@click.option("--threads", default=1, show_default=True)
def main(model: str, seconds: float, threads: int) -> None:
    """Print images per second at batch 1 and 32, and how far the bytes differ."""
    torch.set_num_threads(threads)
    opened = open_model(model)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    exported = export_model(opened)
    session = onnxruntime.InferenceSession(exported.data, options, ["CPUExecutionProvider"])
    for batch in (1, 32):
        inputs = draw_samples(opened.snapshot.config, 0, 0, batch)
        named = named_inputs(inputs, torch.full((batch,), TRUNCATION_PSI))
        feed = {name: tensor.numpy() for name, tensor in named.items()}

        def by_torch(inputs=inputs) -> torch.Tensor:
            return render(opened.snapshot, inputs, TRUNCATION_PSI)

        def by_onnxruntime(feed=feed) -> torch.Tensor:
            return torch.from_numpy(session.run(["image"], feed)[0])

        bytes_of = [to_uint8(make()).int() for make in (by_torch, by_onnxruntime)]  # and warm
        differing = (bytes_of[0] - bytes_of[1]).abs()
        rates: dict[str, list[float]] = {"torch": [], "onnxruntime": []}
        for _ in range(ROUNDS):
            for name, make in zip(rates, (by_torch, by_onnxruntime), strict=True):
                rates[name].append(images_per_second(batch, seconds / ROUNDS, make))
        ours, theirs = (sorted(rate)[ROUNDS // 2] for rate in rates.values())
        print(
            f"{model}, batch {batch}, {threads} thread(s): torch {ours:.0f} images/s, "
            f"onnxruntime {theirs:.0f} images/s ({theirs / ours:.1f} times); "
            f"{(differing > 0).float().mean():.4%} of bytes differ, by at most {differing.max()}"
        )


if __name__ == "__main__":
    main()
