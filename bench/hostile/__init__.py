"""Hostile and unlucky agents, killed processes and full disks: measured, not only tested."""
