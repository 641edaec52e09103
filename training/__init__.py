"""Corpus in, checkpoint out: ``python -m training train`` and ``python -m training evaluate``."""
