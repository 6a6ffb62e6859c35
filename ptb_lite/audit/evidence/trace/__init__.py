"""What the agent's trace tells beyond its text."""
