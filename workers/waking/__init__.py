"""What wakes a process that has work: this room alone speaks to Redis, and may lose all of it."""
