"""Trainings under test learn every sixth message of the seed corpus.

What they are tested for, how they die and what they leave, does not depend on how much is learnt.
The whole corpus is learnt in ``tests/flow/test_readme.py``, as a user does, and by the systems of
the other flow tests.
"""

SITECUSTOMIZE = """
import sys
if "workers.learning.retrain_child" in sys.orig_argv:
    from classifier import seed
    whole = seed.load
    seed.load = lambda taxonomy: whole(taxonomy)[::6]
"""
"""What Python runs at its start, from a folder on PYTHONPATH."""
