"""Batch models: fitted on the history, registered, and asked by serving in the form they were trained in.

event, features -> inputs -> data frame -> BatchModel -> answers
"""
