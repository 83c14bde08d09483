"""The vocabulary of the suite: declarations, names, validation, settings, signed bytes.

Every stage imports `core`; `core` imports no stage and no heavy library.
"""
