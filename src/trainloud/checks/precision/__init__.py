"""Faults of the family precision."""
