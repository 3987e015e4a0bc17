"""Sensors: waits for what others deliver."""
