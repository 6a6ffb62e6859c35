"""What the screens' workers tell them."""
