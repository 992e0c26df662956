"""The commands of `spikerain-edge`, and what commands of all packages share."""
