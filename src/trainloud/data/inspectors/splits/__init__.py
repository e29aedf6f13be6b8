"""Whether the splits keep apart what must be kept apart."""
