"""Commands of ``python -m training``, each in a file of its own."""
