"""Signing in: logins that are lent to a run, and keeping them out of what is kept of it."""
