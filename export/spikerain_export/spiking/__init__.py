"""The network as LIF neurons and convolutions, and as a NIR file for spiking simulators."""
