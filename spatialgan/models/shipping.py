"""Make a shipped model from a finished run: its weights in half the bytes, and a card that describes it.

Weights are stored as fp16 and computed with as fp32, so that a model stays small and its images bit-stable;
they differ a little from the run's own, and the card says how much.
"""

from collections.abc import Iterable
from pathlib import Path

from spatialgan.files import file_sha256, write_atomically
from spatialgan.markup import markdown_line, markdown_text
from spatialgan.models import SUFFIX
from spatialgan.records import read_sealed
from spatialgan.settings.params import Params, split_run
from spatialgan.settings.shapes import MEASURED, check_record
from spatialgan.snapshot import load_snapshot, sample_images
from spatialgan.tensor_file import halved, read_tensors, save_tensors

MAX_BYTES = 5_000_000  # of a model that ships
COMPARED = 16  # images by which the stored model is compared with the run's own
CARD = """# {name}

A {resolution}-pixel generator for `spatialgan render` and `edit`: row `{row}` ({title}) of `params/runs.yaml`,
trained on {data}.

| | |
|---|---|
{about}

## Measured

{metrics}

## Use

```
spatialgan scene {name} --seed 1 -o scene.json
spatialgan render scene.json --outlined objects.png
spatialgan edit scene.json --{edit}
```

## Limits

- It is small, to try edits with and to test with; it knows nothing but {subject}.
- Not every object follows its heatmap; the Co-move Ratio above, where it was measured, says how many do.
- The images differ from the run's own by at most {difference} of 255 ({COMPARED} images), for weights stored as fp16.

Made by `{command}`. License: Apache-2.0, like the code.
"""


def ship_model(params: Params, run: str, profile: str, stem: Path) -> tuple[Path, Path]:
    """Write <stem>.safetensors and <stem>.md from a run's snapshot and metrics, and return both paths.

    Raises ValueError if the model would be larger than MAX_BYTES, or its metrics are another snapshot's.
    """
    dataset, row, seed = split_run(run)
    params.dataset(dataset)
    params.row(row)
    results = params.results(profile)
    source = results.run(f"{dataset}/{row}/{seed}").snapshot
    found = read_tensors(source)
    metrics = _metrics(results.metrics(run), found.sha256)
    stored = halved(found.tensors, exact={"w_avg"})  # the mean style stays in full precision
    size = sum(tensor.nbytes for tensor in stored.values())
    if size > MAX_BYTES:
        raise ValueError(
            f"{run} has {size:,} bytes of weights, but a shipped model has at most {MAX_BYTES:,}: "
            f"train one with fewer channels"
        )
    weights = stem.with_name(stem.name + SUFFIX)
    save_tensors(weights, stored, {**found.header, "snapshot_sha256": found.sha256})
    card = model_card(params, profile, source, weights, metrics)
    path = stem.with_name(f"{stem.name}.md")
    write_atomically(path, card.encode())
    return weights, path


def model_card(params: Params, profile: str, source: Path, weights: Path, metrics: str) -> str:
    """Return the card of a shipped model, from its file, the run's snapshot and metrics, and the parameters."""
    own = load_snapshot(source)
    config, name = own.config, weights.stem
    stand_in = params.source(config.dataset, profile).get("stand_in_for")
    name_of_data = params.dataset(config.dataset)["paper_name"]
    data = f"scenes that this project draws, standing in for {stand_in}"
    objects, planned = config.generator.num_objects, config.training.kimg
    about = {
        "run": f"`{config.name}`, profile `{profile}`",
        "training": f"{own.kimg:g} kimg" + ("" if own.kimg >= planned else f" of {planned:g}"),
        "parameters": f"{sum(p.numel() for p in own.generator.parameters()):,}",
        "objects": f"{objects}, each with a style" if objects else "one hierarchy (object 0)",
        "size": f"{weights.stat().st_size:,} bytes, fp16",
        "sha256": f"`{file_sha256(weights)}`",
    }
    shipped = load_snapshot(weights)
    pair = [sample_images(model, 0, 0, COMPARED).int() for model in (own, shipped)]
    return CARD.format(
        name=name,
        resolution=config.generator.resolution,
        row=config.row,
        title=markdown_text(params.row(config.row)["title"]),
        data=markdown_text(data if stand_in else name_of_data),
        about="\n".join(f"| {key} | {value} |" for key, value in about.items()),
        metrics=metrics,
        edit="move 0:0,0.3" + (" --remove 1 --restyle 2" if objects > 2 else " --move 1/0:0.1,0"),
        subject=markdown_text(f"drawn {config.dataset} scenes" if stand_in else name_of_data),
        difference=int((pair[0] - pair[1]).abs().max()),
        COMPARED=COMPARED,
        command=f"spatialgan ship {config.name} --name {name} -p {profile}",
    )


def _metrics(paths: Iterable[Path], snapshot_sha256: str) -> str:
    """Return a run's metrics as Markdown, with the protocol of each file.

    Raises ValueError for files that aren't metrics, or are metrics of a snapshot with another sha256.
    """
    parts = []
    for path in paths:
        found = read_sealed(path)
        check_record(path, found, MEASURED)
        if found.get("snapshot_sha256") != snapshot_sha256:
            raise ValueError(f"{path} was measured on another snapshot: measure this one first")
        lines = [_line(found, name) for name in found["metrics"]]
        if not lines:  # trials only, which a table makes numbers of
            continue
        protocol = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in found["protocol"].items())
        table = "\n".join([f"| {path.stem} | |", "|---|---|", *lines])
        parts.append(f"{table}\n\n{markdown_line(protocol)}.")
    return "\n\n".join(parts) or "Nothing yet."


def _line(found: dict, name: str) -> str:
    """Return one metric with its id, and its 95 % interval if there is one."""
    text = f"{found['metrics'][name]:.4g}"
    if name in found.get("intervals", {}):
        bounds = found["intervals"][name]
        text += f" (95 %: {bounds['low']:.4g} to {bounds['high']:.4g})"
    return f"| {markdown_text(found.get('metric_ids', {}).get(name, name))} | {text} |"
