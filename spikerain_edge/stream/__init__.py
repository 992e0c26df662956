"""Sources, sinks and the pipeline between them."""
