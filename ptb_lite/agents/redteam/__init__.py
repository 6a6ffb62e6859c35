"""Agents that cheat on purpose, for workshops and for tests of the audit. No account, no model."""
