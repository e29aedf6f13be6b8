"""Labels that are wrong."""
