"""The workers over both databases, with the store's own fixtures."""

from tests.contract.store.conftest import clock, store, url

__all__ = ["clock", "store", "url"]
