"""Step 1 of the recipe, become one with the data: sources, what is measured, inspectors, questions."""
