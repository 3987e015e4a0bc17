"""Operators: one movement of data per module."""
