"""What the runner does for an audit: its evidence, its judge, its live part."""
