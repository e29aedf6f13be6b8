"""Texts and series in text files."""
