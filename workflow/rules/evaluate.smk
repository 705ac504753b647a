# Metrics: of a finished run's snapshot, apart from training, so that a mended metric retrains nothing.


def fidelity_settings(wildcards):
    """Return what the profile says about measuring."""
    line = PARAMS.profile(profile_of(wildcards))
    return {name: line[name] for name in ("extractor", "num_fake")}


def extractor_weights(wildcards):
    """Return the extractor's weights where they ship with the code; others are checked when they are used."""
    folder = Path("spatialgan/evaluation")
    return list(folder.glob(f"{fidelity_settings(wildcards)['extractor']}_extractor.safetensors"))


rule fidelity:
    input:
        snapshot=ancient("{root}/snapshots/{dataset}/{row}/{seed}.safetensors"),
        facts="{root}/runs/{dataset}/{row}/{seed}/train.json",
        archive=ancient("{root}/archives/{dataset}.zip"),
        manifest="{root}/datasets/{dataset}.json",
        weights=extractor_weights,
    output:
        "{root}/metrics/{dataset}/{row}/{seed}/fidelity.json",
    log:
        "{root}/logs/fidelity/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/fidelity/{dataset}/{row}/{seed}.tsv"
    resources:
        gpu=min(1, GPUS),
    params:
        profile=profile_of,
        cfg=lambda w: as_json(fidelity_settings(w)),
        code=lambda w: run_of(w).code("spatialgan.evaluation.fidelity.measure_fidelity"),
    shell:
        "spatialgan fidelity {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile} > {log} 2>&1"
