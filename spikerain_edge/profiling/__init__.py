"""What a frame costs: operations, spikes, energy, time."""
