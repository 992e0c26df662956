"""Trains SpikeRain networks: neuron, blocks, network, data, losses and the training loop."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
