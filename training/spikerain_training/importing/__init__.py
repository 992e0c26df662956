"""Brings weights that other code has saved under the names of this project."""
