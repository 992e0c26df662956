"""The live page of a run: HTTP endpoints for people, monitoring and other programs."""
