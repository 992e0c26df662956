"""Imports weights that were saved by other code."""
