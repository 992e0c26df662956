"""Draws the scene of the demo camera, a street with buildings, trees and traffic, by code only."""
