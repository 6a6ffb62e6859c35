"""Where runs are carried out: on this machine, or by a scheduler. One module per launcher."""
