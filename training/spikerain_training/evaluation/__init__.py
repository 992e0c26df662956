"""Measures deraining methods, and shows their results."""
