"""Everything is put together here: the only room that knows the settings and who acts on them."""
