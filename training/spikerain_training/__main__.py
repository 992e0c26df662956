"""`python -m spikerain_training`, which is what `torchrun -m` starts."""

from spikerain_training.entry import main

main()
