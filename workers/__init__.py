"""The processes; the only package that knows all others. Its rooms are in docs/architecture.md."""
