"""Errors of networks on views, and the time that they take."""

from collections.abc import Callable, Mapping

import jax
import jax.numpy as jnp
import numpy as np

from experiments.ige_pose.config import SOURCES, Config
from experiments.ige_pose.examples import Views
from experiments.ige_pose.networks import base_lifter, lifter
from experiments.timing import median_seconds
from ivg.metrics.pose import protocol_1a, protocol_2
from ivg.models.network import count_parameters
from ivg.models.pose_lifting import Sight
from ivg.scene.skeleton import with_pelvis
from ivg.typing import Array, PyTree

PATH_STEPS = (0, 1, 2, 4, 6, 8)


@jax.jit
def errors_mm(paths: Array, poses_m: Array) -> Array:
    """Errors of all estimates of many poses.

    Args:
      paths: `[M, T + 1, 16, 3]`, of any scale.
      poses_m: `[M, 17, 3]` true poses, metres, in the frame of the camera.

    Returns:
      `[M, T + 1, 2]` millimetres: protocols 1a and 2, of 17 joints.
    """

    def one(path, truth):
        def of(joints):
            pose = with_pelvis(joints)
            return jnp.stack([protocol_1a(pose, truth), protocol_2(pose, truth)])

        return 1e3 * jax.vmap(of)(path)

    return jax.vmap(one)(paths, poses_m)


def mean_errors(
    lift: Callable[[Sight], Array], views: Views, source: str
) -> np.ndarray:
    """Mean errors of a network on views.

    Args:
      lift: from `Sight` `[M]` to `[M, T + 1, 16, 3]`.
      views: what is tested.
      source: "gt" or "noisy".

    Returns:
      `[T + 1, 2]` millimetres, protocols 1a and 2.
    """
    sights = views.sights if source == "gt" else views.noisy
    return np.asarray(errors_mm(lift(sights), views.poses_m).mean(0))


def lifters(
    config: Config, networks: Mapping[str, PyTree]
) -> dict[str, Callable[[Sight], Array]]:
    """What lifts poses, by name.

    Args:
      config: widths.
      networks: parameters by names such as "ige8_gt" and "base_noisy".

    Returns:
      Functions from `Sight` `[M]` to `[M, T + 1, 16, 3]`.
    """
    runs = {f"ige{steps}": lifter(config, steps) for steps in config.unrolls}

    def one(name, params):
        run = runs.get(name.rpartition("_")[0], base_lifter)
        return lambda sights: run(params, sights)

    return {name: one(name, params) for name, params in networks.items()}


def pose_metrics(
    config: Config, lifts: Mapping[str, Callable], views: Views, prefix: str = ""
) -> dict[str, float]:
    """Table 1, and the error after each step of the longest descent.

    Args:
      config: numbers of steps.
      lifts: from `lifters`.
      views: what is tested.
      prefix: begins the names.

    Returns:
      `p1a_{name}` and `p2_{name}` of every network, `p1a_step_{t}` and `p2_step_{t}`,
      millimetres.
    """
    metrics, longest = {}, max(config.unrolls)
    for name, lift in lifts.items():
        errors = mean_errors(lift, views, name.rpartition("_")[2])
        metrics[f"{prefix}p1a_{name}"] = float(errors[-1, 0])
        metrics[f"{prefix}p2_{name}"] = float(errors[-1, 1])
        if name == f"ige{longest}_{SOURCES[0]}":
            for step in (t for t in PATH_STEPS if t <= longest):
                metrics[f"{prefix}p1a_step_{step}"] = float(errors[step, 0])
                metrics[f"{prefix}p2_step_{step}"] = float(errors[step, 1])
    return metrics


def size_metrics(config: Config, networks: Mapping[str, PyTree]) -> dict[str, float]:
    """Sizes of the networks of the table.

    Args:
      config: numbers of steps.
      networks: parameters by name.

    Returns:
      `parameters_{name}` without the source.
    """
    names = [f"ige{steps}" for steps in config.unrolls] + ["base"]
    return {
        f"parameters_{name}": count_parameters(networks[f"{name}_{SOURCES[0]}"])
        for name in names
    }


def seconds_to_lift(
    lift: Callable[[Sight], Array], sights: Sight, num: int, repeats: int = 5
) -> float:
    """How long it takes to lift poses, once everything is compiled.

    Args:
      lift: from `lifters`.
      sights: `Sight` `[M]`, repeated until there are enough.
      num: how many.
      repeats: how often it is done.

    Returns:
      Seconds, the median.
    """
    rows = np.arange(num) % len(sights.joints)
    many = jax.tree.map(lambda x: x[rows], sights)
    return median_seconds(lambda: lift(many), repeats)


__all__ = [
    "PATH_STEPS",
    "errors_mm",
    "lifters",
    "mean_errors",
    "pose_metrics",
    "seconds_to_lift",
    "size_metrics",
]
