"""What a case holds, read safely: files, programs, trace, downloads."""
