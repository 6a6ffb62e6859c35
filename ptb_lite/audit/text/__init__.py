"""Finding test items in text: normal forms, phrases, matches, chance."""
