"""Live preview, health and metrics."""
