"""Trains SpikeRain networks: neuron, blocks, network, data sets, losses and training loop."""

import logging

logging.getLogger(__name__).addHandler(logging.NullHandler())
