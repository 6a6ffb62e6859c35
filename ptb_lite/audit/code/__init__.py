"""Reads the agent's programs without running them: Python by its tree, shell by its words."""
