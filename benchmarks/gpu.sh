#!/usr/bin/env bash
# What to run on a machine with a GPU that is ours for minutes: tests, several processes, throughput, then a training.
#
#   benchmarks/gpu.sh OUTPUT [RUN]
#
# RUN (bedroom/indoor_weight1/0 by default) is trained in the profile PROFILE (flagship) for what is left of SECONDS_LEFT
# (540), from the newest checkpoint in OUTPUT on if there is one. Its state is saved when time is up and copied to OUTPUT
# with curves and logs; so a machine that forgets everything continues where the last one stopped. PEER is a checkout of
# NVlabs/stylegan3 to compare throughput with. Needs torch and the packages in `dependencies` of pyproject.toml, no
# package index, and no GPU to be tried out. Rerun the command to resume.
set -euo pipefail
shopt -s nullglob
cd "$(dirname "$0")/.."
output=$(realpath -m "${1:?usage: benchmarks/gpu.sh OUTPUT [RUN]}")
run=${2:-bedroom/indoor_weight1/0}
profile=${PROFILE:-flagship}
finish=$(($(date +%s) + ${SECONDS_LEFT:-540}))
mkdir -p "$output"

left() { echo $((finish - $(date +%s))); }

# stage NAME SECONDS COMMAND...: at most so long; what it prints goes to OUTPUT, and a failure doesn't stop the others
stage() {
    local name=$1 seconds=$2 status=0
    shift 2
    if [ "$seconds" -le 0 ]; then
        echo "$name: no time left"
        return
    fi
    timeout --signal=TERM --kill-after=30 "$seconds" "$@" >"$output/$name.log" 2>&1 || status=$?
    echo "$name: exit $status, $(left) s left"
}

resume="results/$profile/resume/$run"
if [ "$profile" = "$(sed -n 's/^default: //p' params/profiles.yaml)" ]; then resume="results/resume/$run"; fi
if compgen -G "$output/state/*" >/dev/null; then
    mkdir -p "$resume"
    cp -r "$output"/state/* "$resume/"
fi

python -c 'import torch; print(torch.__version__, torch.cuda.device_count(), "GPU(s)",
    [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())])' | tee "$output/machine.txt"
stage tests 90 python -m pytest -o addopts= -q tests/test_gpu.py
stage smoke_data 30 python -m spatialgan prepare cat -p smoke
gpus=$(python -c 'import torch; print(max(torch.cuda.device_count(), 2))')
stage processes 60 torchrun --standalone --nproc-per-node "$gpus" -m spatialgan train cat/spatialgan/0 -p smoke
if [ -n "${PEER:-}" ]; then
    stage throughput 120 python -m benchmarks.throughput --peer "$PEER"
fi
dataset=${run%%/*}
stage prepare "$(left)" python -m spatialgan prepare "$dataset" -p "$profile"
stage training "$(($(left) - 20))" python -m spatialgan train "$run" -p "$profile"
mkdir -p "$output/state"
for key in "$resume"/*/; do
    mkdir -p "$output/state/$(basename "$key")"
    newest=$(find "$key" -name 'checkpoint-*.safetensors' | sort | tail -n 1)
    if [ -n "$newest" ]; then cp "$newest" "$output/state/$(basename "$key")/"; fi
done
du -sh "$output"
