#!/usr/bin/env bash
# Trains on one or several machines with torchrun; the same call on each of them.
#
#     train.sh PHOTOS HELD_OUT OUTPUT [options of `spikerain-train fit`]
#
# A run that was interrupted goes on where it was saved. All machines share the three folders.
#
# CONFIG=       recipe; training/configs/nano.toml by default
# NODES=1       number of machines
# PROCESSES=    processes on each machine; one for each GPU by default
# ENDPOINT=     host:port of the first machine; needed by several machines
# JOB=          name of this job on that host
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: $0 PHOTOS HELD_OUT OUTPUT [OPTION]..." >&2; exit 2; }
photos=$1 held_out=$2 output=$3
shift 3
config=${CONFIG:-$(dirname "$(realpath "$0")")/../../training/configs/nano.toml}

if [ "${NODES:-1}" = 1 ]; then
  place=(--standalone)
else
  : "${ENDPOINT:?names the first machine as host:port}"
  place=(--rdzv-backend c10d --rdzv-endpoint "$ENDPOINT" --rdzv-id "${JOB:-spikerain}")
fi
if [ -e "$output/run.json" ]; then
  run=(--resume)
else
  run=(--config "$config" --data "$photos" --validation "$held_out")
fi
exec torchrun --nnodes "${NODES:-1}" --nproc-per-node "${PROCESSES:-gpu}" "${place[@]}" \
  -m spikerain_training fit "${run[@]}" --output "$output" "$@"
