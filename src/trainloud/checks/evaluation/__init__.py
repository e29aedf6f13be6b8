"""Faults of the family evaluation."""
