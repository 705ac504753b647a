# The workflow is workflow/Snakefile; this file stands where people look for it.
include: "workflow/Snakefile"


rule everything:
    default_target: True
    input:
        rules.all.input,
