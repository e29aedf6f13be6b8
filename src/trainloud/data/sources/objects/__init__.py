"""Data in memory: torch Datasets, and what a watched run fed to its network."""
