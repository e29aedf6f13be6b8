"""One fault, one file, in a folder per family."""
