"""Faults of the family loss."""
