"""Files below a root, on disk or inside an archive, and space for what does not fit into memory."""
