"""Faults of the family regularisation."""
