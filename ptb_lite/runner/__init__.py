"""The phases in order, the deadline, launching and attaching: the room that knows them all."""
