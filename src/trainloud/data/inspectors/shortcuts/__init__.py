"""Shortcuts: trivial traits of the examples that tell their label without what is meant to be learned."""
