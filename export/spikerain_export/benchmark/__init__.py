"""Measures every format of a model with every back end, side by side."""
