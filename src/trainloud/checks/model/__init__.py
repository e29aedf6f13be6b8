"""Faults of the family model."""
