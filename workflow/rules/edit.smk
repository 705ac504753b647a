# Galleries: edited scenes of finished runs, as entries of params/figures.yaml describe them.


def snapshots_of_gallery(wildcards):
    """Return the snapshots of the runs a gallery shows."""
    runs = gallery_runs(PARAMS, PARAMS.figure(wildcards.gallery), profile_of(wildcards))
    return [ancient(f"{wildcards.root}/snapshots/{run}.safetensors") for run in runs]


def facts_of_gallery(wildcards):
    """Return the small files that change with those snapshots."""
    runs = gallery_runs(PARAMS, PARAMS.figure(wildcards.gallery), profile_of(wildcards))
    return [f"{wildcards.root}/runs/{run}/train.json" for run in runs]


def gallery_code(wildcards):
    """Return the digests of the code that draws a gallery, one per run it shows."""
    profile = profile_of(wildcards)
    runs = gallery_runs(PARAMS, PARAMS.figure(wildcards.gallery), profile)
    entry = "spatialgan.drawing.galleries.write_gallery"
    return [resolve(PARAMS, run, profile).code(entry) for run in runs]


rule gallery:
    input:
        snapshots=snapshots_of_gallery,
        facts=facts_of_gallery,
    output:
        report(
            "{root}/figures/{gallery}.png",
            caption="../report/gallery.rst",
            category="Edits",
            labels={"gallery": "{gallery}"},
        ),
    log:
        "{root}/logs/figures/{gallery}.log",
    benchmark:
        "{root}/benchmarks/figures/{gallery}.tsv"
    wildcard_constraints:
        gallery="|".join(GALLERIES) or "(?!)",  # that is nothing
    params:
        profile=profile_of,
        cfg=lambda w: as_json(PARAMS.figure(w.gallery)),
        code=gallery_code,
    shell:
        "spatialgan figure {wildcards.gallery} -p {params.profile} > {log} 2>&1"
