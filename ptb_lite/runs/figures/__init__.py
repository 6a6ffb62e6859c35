"""What a run's figures are, from what it left on disk. Pure functions."""
