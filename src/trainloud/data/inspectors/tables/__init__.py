"""What columns and rows of a table hold: missing cells, constants, identifiers, leaks."""
