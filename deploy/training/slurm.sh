#!/usr/bin/env bash
# Trains on a Slurm cluster:
#
#     sbatch deploy/training/slurm.sh PHOTOS HELD_OUT OUTPUT [options of `spikerain-train fit`]
#
# Three minutes before its time is over the run saves its weights, is queued again and goes on.
# Options of sbatch replace those below: sbatch --nodes 4 --partition gpu deploy/training/slurm.sh ...
#SBATCH --job-name=spikerain
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=32
#SBATCH --time=24:00:00
#SBATCH --signal=B:USR1@180
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

[ $# -ge 3 ] || { echo "usage: sbatch $0 PHOTOS HELD_OUT OUTPUT [OPTION]..." >&2; exit 2; }
# Slurm runs a copy of this file; it starts where sbatch was called, in the root of the repository.
train=${SPIKERAIN_TRAIN:-deploy/training/train.sh}
[ -x "$train" ] || { echo "$train is missing: call sbatch in the root of the repository" >&2; exit 2; }

first=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export NODES=$SLURM_JOB_NUM_NODES PROCESSES=${SLURM_GPUS_ON_NODE:-1} JOB=$SLURM_JOB_ID
export ENDPOINT=$first:$((20000 + SLURM_JOB_ID % 30000))

over=no
trap 'over=yes; scancel --signal=TERM "$SLURM_JOB_ID.0"' USR1
srun --kill-on-bad-exit=1 "$train" "$@" &
step=$!
code=0
wait "$step" || code=$?
if [ "$over" = yes ]; then
  # The signal ended the first wait; the step still saves its weights.
  wait "$step" || true
  scontrol requeue "$SLURM_JOB_ID"
  exit 0
fi
exit "$code"
