"""Ways to write a text so that it is not found as it stands, undone."""
