"""What everything is about: the value types, and the tables that hold them."""
