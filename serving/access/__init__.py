"""Who may do what: tokens, roles, limits, and the log of what was done.

request -> Guard: token? rate? origin? role? size? -> the route -> Audit
"""
