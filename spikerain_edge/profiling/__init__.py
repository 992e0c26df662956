"""Measures the cost of a frame: operations, spikes, energy and time."""
