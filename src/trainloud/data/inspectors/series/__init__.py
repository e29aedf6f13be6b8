"""Series: dead channels, gaps, clipped values, stuck sensors, levels that shift, lengths."""
