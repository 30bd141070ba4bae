"""The path that Shouli is measured against: what one writes first, with the stock parts.

Written once and never tuned: a ratio over a moving reference means nothing. It is meant well,
though: durable before the 250, each mail in a transaction and a job of its own, no corner cut.
"""
