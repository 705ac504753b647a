# The workflow is in workflow/Snakefile; here it is found by a plain `snakemake`.
include: "workflow/Snakefile"
