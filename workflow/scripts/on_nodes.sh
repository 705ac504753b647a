#!/usr/bin/env bash
# One training on several machines of a Slurm job: torchrun once on each, all meeting on the first.
#     on_nodes.sh NODES PROCESSES_PER_NODE ARGUMENTS...
set -euo pipefail
nodes=$1 processes=$2
shift 2
: "${SLURM_JOB_ID:?several machines are found through Slurm, and this is no job of it}"
# The other variables are of the step in which this runs, which has one machine only; srun would believe them
for name in ${!SLURM_@}; do
    [[ $name == SLURM_JOB_ID ]] || unset "$name"
done
list=$(squeue --noheader --jobs "$SLURM_JOB_ID" --format %N)
first=$(scontrol show hostnames "$list" | head -n 1)
head=$(scontrol show node "$first" | grep -oP 'NodeAddr=\K\S+')
port=$((20000 + SLURM_JOB_ID % 20000)) # another one for every job
exec srun --overlap --nodes "$nodes" --ntasks "$nodes" --ntasks-per-node 1 --kill-on-bad-exit=1 \
    torchrun --nnodes "$nodes" --nproc-per-node "$processes" --rdzv-backend c10d \
    --rdzv-id "$SLURM_JOB_ID" --rdzv-endpoint "$head:$port" "$@"
