# Data sets: one archive and its manifest each. The archive is large, so the manifest, which holds its hash,
# is what later rules watch.


def drawing_code(wildcards):
    """Return the digest of the code that makes a data set."""
    source = PARAMS.source(wildcards.dataset, profile_of(wildcards))
    chosen = {"SOURCES": source["source"], "DRAWINGS": source.get("scene", "")}
    return code_digest("spatialgan.data.prepare.prepare_dataset", chosen)


rule prepare:
    output:
        archive="{root}/archives/{dataset}.zip",
        manifest="{root}/datasets/{dataset}.json",
    log:
        "{root}/logs/prepare/{dataset}.log",
    benchmark:
        "{root}/benchmarks/prepare/{dataset}.tsv"
    params:
        profile=profile_of,
        cfg=lambda w: as_json(PARAMS.source(w.dataset, profile_of(w))),
        code=drawing_code,
    shell:
        "spatialgan prepare {wildcards.dataset} -p {params.profile} > {log} 2>&1"
