"""Inspectors: one question about one defect, one file, in a folder per family."""
