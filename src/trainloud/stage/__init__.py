"""Where a script runs as under plain `python`: probes watch it, and nothing of the person's changes."""
