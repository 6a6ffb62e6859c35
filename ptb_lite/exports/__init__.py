"""The choices of a run as another harness or a scheduler takes them."""
