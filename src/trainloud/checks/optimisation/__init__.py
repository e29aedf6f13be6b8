"""Faults of the family optimisation."""
