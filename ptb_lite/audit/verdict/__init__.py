"""One verdict of many results, by named rules."""
