"""How the examples are distributed, over classes and over splits."""
