"""Two of River's stream clusterers as rivals: DBSTREAM as an earlier system set it, and sequential k-means.

customer's running mean, standardised -> cluster.DBSTREAM or cluster.KMeans -> segment

River's clusterers are imported when one is made: they bring scipy, which nobody else here starts with.
"""

from __future__ import annotations

from typing import Any, Unpack

import msgspec

from models.session_clusterer import SessionClusterer, SessionParams

Vector = dict[int, float]


class _Density(msgspec.Struct, array_like=True):
    clock: int
    micro: list[tuple[int, Vector, int, int | float]]
    """Number, centre, time of the last update, weight."""
    shared: dict[int, dict[int, int | float]]
    shared_at: dict[int, dict[int, int | float]]
    clusters: int
    centres: dict[int, Vector]


class Dbstream(SessionClusterer):
    """DBSTREAM (Hahsler and Bolanos, IEEE TKDE 28, 2016) of River on the vectors of customers' sessions.

    Parameters are those of an earlier system; its inputs are not: that one hashed identifiers and the clock.
    Fading by .05 and dropping what weighs less than .87, it remembers a handful of vectors.

    Parameters
    ----------
    clustering_threshold, fading_factor, cleanup_interval, intersection_factor, minimum_weight
        Of River's DBSTREAM.
    sessions
        What SessionClusterer takes.
    """

    recipe = "dbstream"

    def __init__(
        self,
        clustering_threshold: float = 1.5,
        fading_factor: float = 0.05,
        cleanup_interval: float = 4,
        intersection_factor: float = 0.5,
        minimum_weight: float = 1.0,
        **sessions: Unpack[SessionParams],
    ) -> None:
        from river.cluster import DBSTREAM

        super().__init__(**sessions)
        self.sessions = sessions
        self.clustering_threshold = clustering_threshold
        self.fading_factor = fading_factor
        self.cleanup_interval = cleanup_interval
        self.intersection_factor = intersection_factor
        self.minimum_weight = minimum_weight
        self._stream: Any = DBSTREAM(
            clustering_threshold, fading_factor, cleanup_interval, intersection_factor, minimum_weight
        )

    def _teach(self, vector: list[float]) -> None:
        self._stream.learn_one(dict(enumerate(vector)))
        # It would cluster anew when it is next asked; asking must change nothing.
        self._stream._recluster()

    def _number(self, vector: list[float]) -> int:
        return int(self._stream.predict_one(dict(enumerate(vector))))

    def _centres(self) -> list[list[float]]:
        return [[*centre.values()] for _, centre in sorted(self._stream.centers.items())]

    def _dump(self) -> bytes:
        stream = self._stream
        return msgspec.msgpack.encode(
            _Density(
                clock=stream._time_stamp,
                micro=[
                    (number, one.center, one.last_update, one.weight)
                    for number, one in stream._micro_clusters.items()
                ],
                shared=stream.s,
                shared_at=stream.s_t,
                clusters=stream._n_clusters,
                centres=stream._centers,
            )
        )

    def _load(self, payload: bytes) -> None:
        from river.cluster.dbstream import DBSTREAMMicroCluster

        known, stream = msgspec.msgpack.decode(payload, type=_Density), self._stream
        stream._time_stamp = known.clock
        for number, centre, last, weight in known.micro:
            stream._micro_clusters[number] = DBSTREAMMicroCluster(x=centre, last_update=last, weight=weight)
        stream.s, stream.s_t = known.shared, known.shared_at
        stream._n_clusters, stream._centers = known.clusters, known.centres
        stream.clustering_is_up_to_date = True


class RiverKMeans(SessionClusterer):
    """River's sequential k-means on the vectors of customers' sessions.

    Of DenStream, STREAMKMeans and this one it found the hidden kinds of customers best.

    Parameters
    ----------
    n_clusters, halflife, seed
        Of River's KMeans: centres start anywhere and go `halflife` of the way to each vector.
    sessions
        What SessionClusterer takes.
    """

    recipe = "river_kmeans"

    def __init__(
        self,
        n_clusters: int = 6,
        halflife: float = 0.02,
        seed: int = 42,
        **sessions: Unpack[SessionParams],
    ) -> None:
        from river.cluster import KMeans

        super().__init__(**sessions)
        self.sessions = sessions
        self.n_clusters = n_clusters
        self.halflife = halflife
        self.seed = seed
        self._stream = KMeans(n_clusters=n_clusters, halflife=halflife, seed=seed)

    @classmethod
    def _for(cls, segments: int) -> dict[str, Any]:
        return {"n_clusters": segments}

    def _teach(self, vector: list[float]) -> None:
        self._stream.learn_one(dict(enumerate(vector)))

    def _number(self, vector: list[float]) -> int:
        return int(self._stream.predict_one(dict(enumerate(vector))))

    def _centres(self) -> list[list[float]]:
        return [[centre[n] for n in range(len(centre))] for centre in self._stream.centers.values()]

    def _dump(self) -> bytes:
        """Centres are all it knows: its dice are thrown once, when it is taught the first vector."""
        return msgspec.msgpack.encode({number: dict(one) for number, one in self._stream.centers.items()})

    def _load(self, payload: bytes) -> None:
        for number, centre in msgspec.msgpack.decode(payload, type=dict[int, Vector]).items():
            self._stream.centers[number].update(centre)
