"""The commands that this package adds to `spikerain-edge`."""
