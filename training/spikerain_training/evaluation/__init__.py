"""Measures what restoring methods make of rainy pictures, and shows it."""
