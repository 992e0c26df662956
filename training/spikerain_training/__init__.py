"""Trains SpikeRain networks: neuron, blocks, network, data, losses and the training loop."""
