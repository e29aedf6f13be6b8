"""Texts: empty, garbled, cut off, full of markup, nearly the same, with a form printed around them."""
