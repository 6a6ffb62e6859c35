"""What the Run screen shows."""
