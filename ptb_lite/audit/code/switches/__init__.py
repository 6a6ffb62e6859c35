"""What a program's switches are in every start of it that was seen."""
