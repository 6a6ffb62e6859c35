"""What a run came to, for people: HTML, plain text, JSON. Reads a run's folder, writes no score."""
