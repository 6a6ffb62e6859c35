"""A run as plain lines: followed, and played again."""
