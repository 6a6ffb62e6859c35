"""What the Setup screen shows and does."""
