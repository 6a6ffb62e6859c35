"""A language model that reads the evidence of an audit."""
