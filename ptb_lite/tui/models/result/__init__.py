"""What the Result screen shows."""
