"""Agents that are programs of this package, without a language model."""
