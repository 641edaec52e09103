"""Commands of ``python -m training`` that are about the corpus."""
