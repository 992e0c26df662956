#!/usr/bin/env bash
# Measures one GPU in under 8 minutes, on a machine with PyTorch, this repository and what it
# depends on:
#
#     benchmarks/gpu.sh OUTPUT
#
# OUTPUT/torch.md has PyTorch in FP32, BF16 and FP16, OUTPUT/onnxruntime.json has ONNX Runtime.
#
# WHEELS=        folder of wheels that are installed first, where no package index can be reached
# DEVICE=cuda    "cpu" for a trial
# PROVIDER=      provider of ONNX Runtime; "cpu" for a trial
# MODELS=nano,tiny,s    SIZES=640x480,1280x720,1920x1088    SIDE=8192
set -euo pipefail

[ $# = 1 ] || { echo "usage: benchmarks/gpu.sh OUTPUT" >&2; exit 2; }
output=$1
root=$(dirname "$(dirname "$(realpath "$0")")")
device=${DEVICE:-cuda} provider=${PROVIDER:-CUDAExecutionProvider}
models=${MODELS:-nano,tiny,s} sizes=${SIZES:-640x480,1280x720,1920x1088}
export PYTHONPATH=$root:$root/training:$root/export${PYTHONPATH:+:$PYTHONPATH}
mkdir -p "$output"

if [ -n "${WHEELS:-}" ]; then
  python -m pip install --quiet --no-index --find-links "$WHEELS" "$WHEELS"/*.whl
fi

timeout 270 python "$root/benchmarks/gpu.py" --device "$device" --model "$models" \
  --imgsz "$sizes" --side "${SIDE:-8192}" --seconds 220 | tee "$output/torch.md"

formats=fp32,fp16
[ "$provider" != cpu ] || formats=fp32
timeout 180 python -c 'from spikerain_edge.cli import main; main()' benchmark --model "$models" --imgsz "$sizes" \
  --formats "$formats" --backends "$provider" --rounds 2 --iterations 3 --warmup 1 \
  --json "$output/onnxruntime.json"
