"""What customers may ask for by law: a copy of what is kept of them, and to be erased."""
