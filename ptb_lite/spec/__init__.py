"""What a person chooses for a run: RunSpec and presets."""
