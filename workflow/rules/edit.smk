# Edits of a finished run's images.


rule strips:
    input:
        snapshot=ancient("{root}/runs/{dataset}/{row}/{seed}/generator.safetensors"),
        facts="{root}/runs/{dataset}/{row}/{seed}/train.json",
    output:
        report(
            "{root}/runs/{dataset}/{row}/{seed}/moves.png",
            caption="../report/moves.rst",
            category="Edits",
            subcategory="{dataset}",
            labels={"row": "{row}", "seed": "{seed}"},
        ),
    log:
        "{root}/logs/strips/{dataset}/{row}/{seed}.log",
    benchmark:
        "{root}/benchmarks/strips/{dataset}/{row}/{seed}.tsv"
    params:
        profile=profile_of,
        code=code_digest("spatialgan.editing.strips.write_strips"),
    shell:
        "spatialgan strips {wildcards.dataset}/{wildcards.row}/{wildcards.seed}"
        " -p {params.profile} > {log} 2>&1"
