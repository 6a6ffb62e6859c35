"""Fresh siblings of published test items: the same item with other numbers or other names."""
