# The experiment from data to tables. Each rule is one `spatialgan ...` line; what there is to make stands in
# params/, how it is executed in workflow/profiles/.
#
#   snakemake --cores all                                    all tables and figures of the default profile
#   snakemake --cores all results/tables/ablation.md         one table
#   snakemake --cores all results/smoke/tables/ablation.md   the same in another profile, by its folder
#   snakemake --cores all --config profile=workstation       all of another profile
from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/guard.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/segment.smk"
include: "workflow/rules/comove.smk"
include: "workflow/rules/edit.smk"
include: "workflow/rules/drag.smk"
include: "workflow/rules/report.smk"


rule all:
    default_target: True
    input:
        expand("{root}/tables/{table}.md", root=ROOT, table=PARAMS.usual_tables),
        f"{ROOT}/tables/drag.md",
        expand("{root}/figures/{figure}.png", root=ROOT, figure=PARAMS.figures),
        [f"{ROOT}/runs/{run}/curves.png" for run in all_runs(PROFILE)],
