"""How the suite is run: one laptop, or a cluster."""
