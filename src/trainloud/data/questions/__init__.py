"""The six questions of the recipe, each a cheap experiment, each one file."""
