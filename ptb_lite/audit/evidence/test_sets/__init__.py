"""Where test items are known to be."""
