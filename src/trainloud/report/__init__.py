"""From saved files to text, JSON, GitHub annotations, SARIF and HTML. Imports the core only."""
