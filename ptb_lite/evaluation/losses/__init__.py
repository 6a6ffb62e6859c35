"""The loss on given answers, for the audit: measured in a process of its own."""
