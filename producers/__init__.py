"""The streams of the shipped applications: seeded generators, deliberate damage, delivery.

seed, event times -> generator -> event -> Check.encode -> (damage) -> delivery -> topic `events`
"""
