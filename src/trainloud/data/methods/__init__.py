"""What inspectors and questions compute with: features, fits, intervals, neighbours."""
