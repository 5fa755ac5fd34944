"""Which classes make a specialist: clusters of what the generalist confuses (Hinton et al. 2015, section 5.3)."""

import numpy as np
import torch
from sklearn.cluster import AgglomerativeClustering, MiniBatchKMeans

STARTS = 100


def prediction_covariance(probabilities: torch.Tensor) -> torch.Tensor:
    """Covariance (C, C) of the predictions (N, C): which classes a net predicts together. No labels are needed."""
    if probabilities.dim() != 2 or not bool(probabilities.isfinite().all()):
        raise ValueError(f"probabilities: (images, classes), all finite, not {tuple(probabilities.shape)}")
    return torch.cov(probabilities.double().T)


def confusion_columns(covariance: torch.Tensor) -> np.ndarray:
    """What is clustered (C, C): each class's column, without the class's own variance, brought to length one."""
    columns = covariance.clone().fill_diagonal_(0).T
    return torch.nn.functional.normalize(columns, dim=1).numpy()


def online_kmeans(columns: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Cluster (C,) of every class by on-line K-means (section 5.3), none of them empty.

    Raises ValueError if many starts leave a cluster empty: there are too many of them.
    """
    for start in range(STARTS):
        chosen = MiniBatchKMeans(count, batch_size=32, n_init=10, random_state=STARTS * seed + start)
        clusters = chosen.fit_predict(columns)
        if len(np.unique(clusters)) == count:
            return clusters
    raise ValueError(f"count: {len(columns)} classes do not make {count} clusters; ask for fewer")


def agglomerative(columns: np.ndarray, count: int) -> np.ndarray:
    """Cluster (C,) of every class by merging the nearest (Ward): the other algorithm, without randomness."""
    return AgglomerativeClustering(count).fit_predict(columns)


def special_sets(columns: np.ndarray, clusters: np.ndarray, size: int) -> list[list[int]]:
    """For each cluster the `size` classes nearest to its centre: sets of equal size that may overlap.

    Raises ValueError for an empty cluster or a size that no set can have.
    """
    if not 1 <= size < len(columns):
        raise ValueError(f"size: must lie between 1 and {len(columns) - 1}, not {size}")
    sets = []
    for cluster in range(int(clusters.max()) + 1):
        if not (clusters == cluster).any():
            raise ValueError(f"clusters: cluster {cluster} is empty; ask for fewer clusters")
        centre = columns[clusters == cluster].mean(0)
        nearest = np.argsort(np.linalg.norm(columns - centre, axis=1), kind="stable")
        sets.append(sorted(int(c) for c in nearest[:size]))
    return sets
