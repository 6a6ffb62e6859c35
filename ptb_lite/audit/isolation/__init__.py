"""Detectors in processes of their own: what an agent left behind ends no more than one of them."""
