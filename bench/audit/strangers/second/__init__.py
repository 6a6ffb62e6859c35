"""The second set of blind cases: kinds that the first does not have."""
