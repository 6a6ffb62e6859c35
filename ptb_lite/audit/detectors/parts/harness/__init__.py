"""The parts of the harness detector."""
