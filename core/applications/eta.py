"""Estimated time of arrival: how many seconds will this trip take?"""

from datetime import UTC, datetime, timedelta

from core.applications.area import HOUSTON, haversine_km
from core.declaration import (
    Application,
    Category,
    Entity,
    Event,
    EventTime,
    Identifier,
    Number,
    Place,
    Query,
    Regression,
)
from core.windows import Count, SinceLast, Sum, Window

SECONDS_PER_KM = 90.0
"""Forty kilometres an hour, the planner's assumption."""

SHORTEST_TRIP_S = 60


def _distance_km(event: Event) -> float:
    return round(haversine_km(event["origin"], event["destination"]), 2)


def _planned_seconds(event: Event) -> int:
    return max(SHORTEST_TRIP_S, round(_distance_km(event) * SECONDS_PER_KM))


def _moment(event: Event) -> datetime:
    return datetime.fromisoformat(event["timestamp"]).astimezone(UTC)


ETA = Application(
    name="eta",
    title="Estimated time of arrival",
    summary="Tells at departure how long a trip will take, and learns when it has ended.",
    noun="trips",
    icon="local_taxi",
    task=Regression(
        label="simulated_actual_travel_time_seconds",
        unit="s",
        floor=SHORTEST_TRIP_S,
        naive="initial_estimated_travel_time_seconds",
    ),
    key="driver_id",
    label_delay="simulated_actual_travel_time_seconds",
    fields=(
        Identifier("trip_id"),
        Entity("driver_id", examples=tuple(f"driver_{n}" for n in range(1000, 5001)), help="Who drives"),
        Entity("vehicle_id", examples=tuple(f"vehicle_{n}" for n in range(100, 1000))),
        EventTime("timestamp"),
        Place("origin", HOUSTON),
        Place("destination", HOUSTON),
        Number("estimated_distance_km", 0, 500, unit="km", step=0.01, form=(0.1, 110), derive=_distance_km),
        Category("weather", ("Clear", "Clouds", "Rain", "Heavy Rain", "Fog", "Thunderstorm")),
        Number("temperature_celsius", -60, 60, unit="°C", step=0.1, form=(15, 30)),
        Number(
            "day_of_week", 0, 6, integer=True, derive=lambda e: _moment(e).weekday(), help="0 is Monday, UTC"
        ),
        Number("hour_of_day", 0, 23, integer=True, derive=lambda e: _moment(e).hour, help="UTC"),
        Number("driver_rating", 1, 5, step=0.1, form=(3.5, 5), unit="stars"),
        Category("vehicle_type", ("Sedan", "SUV", "Hatchback", "Motorcycle", "Van")),
        Number(
            "initial_estimated_travel_time_seconds",
            0,
            86_400,
            unit="s",
            integer=True,
            form=(SHORTEST_TRIP_S, 12_000),
            derive=_planned_seconds,
            help="The planner's own estimate, at 40 km/h",
        ),
        Number(
            "simulated_actual_travel_time_seconds",
            0,
            86_400,
            unit="s",
            integer=True,
            help="The label: how long the trip took",
        ),
    ),
    windows=(
        SinceLast("driver_id"),
        Window("driver_id", timedelta(hours=1), take=(Count(), Sum("estimated_distance_km"))),
        Window("driver_id", timedelta(hours=8), take=(Count(), Sum("estimated_distance_km"))),
    ),
    online=(
        "relative_least_squares",
        "adaptive_random_forest",
        "binned_linear",
        "own_estimate",
        "last_label",
    ),
    # Of someone who knows how trips are made but sees only the event: producers/eta.py, noise_floor.
    ceiling={"mae": 626.0, "rolling_mae": 626.0, "rmse": 891.0, "r2": 0.905},
    batch=("catboost", "hist_gradient_boosting"),
    queries=(
        Query("Sample data", "SELECT * FROM data ORDER BY timestamp DESC LIMIT 100"),
        Query(
            "Long trips (> 50 km)",
            "SELECT * FROM data WHERE estimated_distance_km > 50\n"
            "ORDER BY estimated_distance_km DESC LIMIT 100",
        ),
        Query(
            "Weather impact",
            "SELECT weather, count(*) AS trips,\n"
            "       round(avg(simulated_actual_travel_time_seconds)) AS mean_seconds,\n"
            "       round(avg(simulated_actual_travel_time_seconds\n"
            "                 / initial_estimated_travel_time_seconds), 3) AS actual_to_planned\n"
            "FROM data GROUP BY weather ORDER BY actual_to_planned DESC",
        ),
        Query(
            "Driver performance",
            "SELECT driver_id, count(*) AS trips, round(avg(driver_rating), 2) AS mean_rating\n"
            "FROM data GROUP BY driver_id ORDER BY trips DESC LIMIT 20",
        ),
        Query(
            "Vehicle types",
            "SELECT vehicle_type, count(*) AS trips, round(avg(estimated_distance_km), 2) AS mean_km\n"
            "FROM data GROUP BY vehicle_type ORDER BY trips DESC",
        ),
        Query(
            "Trips with their features",
            "SELECT d.*, f.* EXCLUDE (key, source_partition, source_offset, event_time, event_date)\n"
            "FROM data d JOIN features f USING (source_partition, source_offset)\n"
            "ORDER BY f.event_time DESC LIMIT 100",
        ),
        Query("Row count", 'SELECT count(*) AS "rows" FROM data'),
    ),
)
