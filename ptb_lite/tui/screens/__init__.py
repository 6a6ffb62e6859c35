"""One file a screen, with its own messages; its look is in ../styles/."""
