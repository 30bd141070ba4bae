"""The rules of who gets what: in force, published, explained, and rehearsed before they are."""
