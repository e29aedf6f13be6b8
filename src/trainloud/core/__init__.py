"""The nouns: frozen dataclasses with a JSON round trip. Standard library only."""
