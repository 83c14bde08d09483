"""Where the shipped applications take place, and the two formulas that their derived fields share."""

from math import asin, cos, radians, sin, sqrt

from core.declaration import Box, Event

HOUSTON = Box(south=29.5, north=30.1, west=-95.8, east=-95.0)

EARTH_RADIUS_KM = 6371.0


def haversine_km(a: Event, b: Event) -> float:
    """Great-circle distance in km between two points {"lat", "lon"} in degrees, on a sphere.

    Source: Sinnott, "Virtues of the Haversine", Sky and Telescope 68 (1984).
    """
    lat_a, lat_b = radians(a["lat"]), radians(b["lat"])
    half_lat = sin((lat_b - lat_a) / 2)
    half_lon = sin(radians(b["lon"] - a["lon"]) / 2)
    return 2 * EARTH_RADIUS_KM * asin(sqrt(half_lat**2 + cos(lat_a) * cos(lat_b) * half_lon**2))
