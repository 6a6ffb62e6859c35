"""Many ordinary runs in arms, in random order, compared with intervals and exact tests."""
