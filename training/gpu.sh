#!/usr/bin/env bash
# Trains s, tiny and nano-video behind rendered rain on one data-centre GPU, ten minutes each:
#
#     training/gpu.sh PHOTOS HELD_OUT OUTPUT
#
# After an interruption, the same call resumes. Each network trains at a constant rate for three
# quarters of its time, then the rate falls to 0 over a third as many steps.
#
# MINUTES=10     time of each network
# STEPS=         steps of each network instead of a time, at least 4, for a trial
# NETWORKS=      "s tiny nano-video"
# OPTIONS=       more options of `spikerain-train fit`, such as "--accelerator cpu --workers 1"
set -euo pipefail

[ $# = 3 ] || { echo "usage: training/gpu.sh PHOTOS HELD_OUT OUTPUT" >&2; exit 2; }
photos=$1 held_out=$2 output=$3
here=$(dirname "$(realpath "$0")")
minutes=${MINUTES:-10} networks=${NETWORKS:-s tiny nano-video}
read -ra options <<<"${OPTIONS:---accelerator cuda --workers 16}"

# Without STEPS, the time ends the constant rate.
longest=$((${STEPS:-1333334} * 3 / 4))

fit() { python -m spikerain_training fit "${options[@]}" "$@"; }
steps_done() { tail -n 1 "$1/log.csv" | cut -d , -f 1; }

# Trains at a constant rate until the time or the steps are over.
steady() {
  local name=$1 folder=$2 run code=0
  if [ -e "$folder/run.json" ]; then
    run=(--resume)
  else
    run=(--config "$here/configs/gpu-$name.toml" --data "$photos" --validation "$held_out")
    [ "$name" = s ] || run+=(--initial "$here/checkpoints/$name")
  fi
  run+=(--output "$folder" --set floor=1 --set "steps=$longest")
  timeout --foreground "$((minutes * 45))" \
    python -m spikerain_training fit "${options[@]}" "${run[@]}" || code=$?
  # 124: the time is over, and fit has saved its weights.
  [ "$code" = 0 ] || [ "$code" = 124 ] || exit "$code"
  echo "$(($(steps_done "$folder") * 4 / 3))" >"$folder/steps"
}

for name in $networks; do
  folder=$output/$name
  [ -e "$folder/steps" ] || steady "$name" "$folder"
  last=$(cat "$folder/steps")
  [ "$(steps_done "$folder")" -ge "$last" ] ||
    fit --resume --output "$folder" --set floor=0 --set "steps=$last"
  echo "$name: $last steps, weights in $folder"
done
