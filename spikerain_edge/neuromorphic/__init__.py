"""Runs a spiking network on simulators of spiking networks, and compares every spike."""
