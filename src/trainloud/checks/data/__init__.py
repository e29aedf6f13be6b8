"""Faults of the family data."""
