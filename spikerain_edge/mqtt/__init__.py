"""Tells an MQTT broker how a run is doing, in the way that Home Assistant discovers."""
