"""The offline features are what the declaration means: against sums made the slow and plain way."""

from __future__ import annotations

import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.applications.tfd import TFD
from core.declaration import Application
from core.features import features
from tests.bench.streams import DENSE_S, stream, window_columns
from tests.bench.windows import rows, windowed


def test_payments_have_the_features_that_plain_sums_give() -> None:
    events, _ = stream(TFD.name, 3000, DENSE_S * 50)
    names = ["user_id_since_last_s", "user_id_km_from_last"] + [
        f"user_id_{span}_{what}"
        for span in ("10m", "1h", "24h")
        for what in ("count", "sum_amount", "distinct_merchant_id")
    ]
    found = np.array([[x[name] for name in names] for x in windowed(TFD, events)], dtype=np.float64)
    np.testing.assert_allclose(found, window_columns(events), rtol=1e-6)


@pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
def test_every_row_of_any_application_has_its_features(application: Application) -> None:
    events, _ = stream(application.name, 200, 60.0)
    made = rows(application, events)
    assert len(made) == 200
    for x in made:
        assert {one.name for one in features(application)} <= x.keys()
        assert application.label not in x
    assert windowed(application, []) == []
