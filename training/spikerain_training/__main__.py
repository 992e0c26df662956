"""Runs `spikerain-train` as `python -m spikerain_training`, as `torchrun -m` needs it."""

from spikerain_training.entry import main

main()
