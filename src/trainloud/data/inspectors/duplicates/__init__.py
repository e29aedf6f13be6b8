"""The same example more than once, or in two splits."""
