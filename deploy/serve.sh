#!/bin/sh
# Runs the service. Where TensorRT is installed, the engine is built at the first start; until it is
# ready the CPU does the work. Settings are in the environment; see deploy/README.md.
set -eu

: "${SPIKERAIN_CAMERA:=/dev/video0}"
: "${SPIKERAIN_OUTPUT:=null}"
: "${SPIKERAIN_MODEL:=nano}"
: "${SPIKERAIN_SIZE:=640x480}"
: "${SPIKERAIN_ENGINE:=auto}"
: "${SPIKERAIN_ENGINES:=${HOME}/engines}"

say() { echo "serve: $*" >&2; }

build() {
    mkdir -p "$SPIKERAIN_ENGINES"
    say "building $engine; the CPU works meanwhile"
    if nice spikerain-edge export "$SPIKERAIN_MODEL" --format engine --fp16 \
        --imgsz "$SPIKERAIN_SIZE" --output "$engine" --log-format json; then
        say "$engine is ready: starting again with it"
        # The program closes its recordings, and the supervisor starts it again (exit code 129).
        kill -HUP "$main"
    else
        say "the engine cannot be built: the CPU keeps working; try spikerain-edge doctor"
    fi
}

# An engine is used as it is.
case $SPIKERAIN_MODEL in *.engine) SPIKERAIN_ENGINE=off ;; esac

model=$SPIKERAIN_MODEL
if [ "$SPIKERAIN_ENGINE" = auto ] && tensorrt=$(python3 -c \
    'import tensorrt; print(tensorrt.__version__)' 2>/dev/null); then
    name=$(basename "$SPIKERAIN_MODEL" .onnx)
    # Another file of this name, or a newer one, must not run with the engine of this one.
    if [ -f "$SPIKERAIN_MODEL" ]; then
        name=$name-$(sha256sum "$SPIKERAIN_MODEL" | cut -c 1-12)
    fi
    # An engine works with the version that built it only.
    engine=$SPIKERAIN_ENGINES/$name-$SPIKERAIN_SIZE-$tensorrt.engine
    if [ -e "$engine" ]; then
        model=$engine
    else
        main=$$
        build &
    fi
fi

# Arguments of several words are meant to be split.
# shellcheck disable=SC2086
exec spikerain-edge run --wait-for-camera --camera "$SPIKERAIN_CAMERA" --imgsz "$SPIKERAIN_SIZE" \
    --model "$model" --output "$SPIKERAIN_OUTPUT" ${SPIKERAIN_ARGS:-} "$@"
