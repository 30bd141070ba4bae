"""What customers may ask for by law: their erasure."""
