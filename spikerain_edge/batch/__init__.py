"""Derains whole trees of images and videos on one machine or on a Ray cluster."""
