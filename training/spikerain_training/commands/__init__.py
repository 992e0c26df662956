"""The commands of `spikerain-train`: parse, call, print."""
