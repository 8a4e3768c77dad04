"""How time and memory grow: with scenes, layers, faces and pixels."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from experiments.benchmark.contestants import make_ivg, make_picture, make_visibility
from experiments.benchmark.scenes import AMBIENT, DIFFUSE, LIGHT, make_soup
from experiments.timing import median_seconds
from ivg.geometry.camera import look_at
from ivg.render.pipeline import render
from ivg.render.surfel import render_surfels
from ivg.scene.appearance import make_lights
from ivg.scene.graph import Scene, make_nodes, make_scene
from ivg.scene.shapes.families import primitive_library


def median_ms(function: Callable[[], object], rounds: int) -> float:
    """Median time of a call, after one that compiles.

    Args:
      function: returns an array, or a pytree of them.
      rounds: number of calls.

    Returns:
      Milliseconds.
    """
    return 1e3 * median_seconds(function, rounds)


def random_scenes(num: int, size: int = 128) -> Scene:
    """Different scenes of four solids each.

    Args:
      num: number of scenes.
      size: side of the picture.

    Returns:
      `Scene` with a leading axis.
    """
    library = primitive_library()
    camera = look_at((0.0, 1.0, 3.0), (0, 0, 0), height=size, width=size)
    lights = make_lights(AMBIENT, [LIGHT], [[DIFFUSE] * 3])

    def make(key):
        keys = jax.random.split(key, 4)
        nodes = make_nodes(
            jax.random.randint(keys[0], (4,), 0, 6),
            jax.random.uniform(keys[1], (4, 3), minval=-0.8, maxval=0.8),
            jax.random.normal(keys[2], (4, 4)),
            scale=0.7,
        )
        albedo = jax.random.uniform(keys[3], (4, 3))
        return make_scene(library, nodes, camera, albedo=albedo, lights=lights)

    return jax.vmap(make)(jax.random.split(jax.random.key(0), num))


def time_batches(counts: tuple[int, ...], rounds: int) -> dict[int, float]:
    """Antialiased pictures of many scenes at once.

    Args:
      counts: numbers of scenes.
      rounds: calls of each, and more of batches below 64.

    Returns:
      Milliseconds per scene by number of scenes under `vmap`; 0 stands for 64
      scenes one after the other, and -1 for the largest number in blocks of eight,
      `lax.map(..., batch_size=8)`.
    """
    num = max(*counts, 64)
    scenes = random_scenes(num)

    def draw(scene):
        return render(scene).rgb

    one, many = jax.jit(draw), jax.jit(jax.vmap(draw))
    in_eights = jax.jit(lambda batch: jax.lax.map(draw, batch, batch_size=8))
    singles = [jax.tree.map(lambda x, i=i: x[i], scenes) for i in range(64)]
    found = {0: median_ms(lambda: [one(scene) for scene in singles], rounds) / 64}
    for count in counts:
        batch = jax.tree.map(lambda x, n=count: x[:n], scenes)
        calls = rounds * max(64 // count, 1)
        found[count] = median_ms(lambda b=batch: many(b), calls) / count
    found[-1] = median_ms(lambda: in_eights(scenes), rounds) / num
    return found


def time_layers(size: int, counts: tuple[int, ...], rounds: int) -> dict[int, float]:
    """Visibility with many layers.

    Args:
      size: side of the picture, a benchmark scene.
      counts: numbers of layers.
      rounds: calls of each.

    Returns:
      Milliseconds by number of layers.
    """
    soup = make_soup(size)
    return {
        k: median_ms(make_visibility(soup, k)["visibility"], rounds) for k in counts
    }


def reference_over_cpu(size: int, rounds: int) -> float:
    """How much slower the reference backend is, antialiased forward.

    Args:
      size: side of the picture, a benchmark scene.
      rounds: calls of each.

    Returns:
      Ratio of median times.
    """
    soup = make_soup(size)
    times = [
        median_ms(make_ivg(soup, "antialias", backend=name)["forward"], rounds)
        for name in ("reference", "cpu")
    ]
    return times[0] / times[1]


def bytes_per_pixel_layer(size: int, mode: str, num_layers: int) -> float:
    """Memory of forward and backward beyond inputs and results, as XLA plans it.

    Args:
      size: side of the picture, a benchmark scene.
      mode: of `render`, one with layers.
      num_layers: number of layers that mode has in `contestants.OPTIONS`.

    Returns:
      Bytes per pixel and layer.
    """
    picture, vertices = make_picture(make_soup(size), mode)
    both = jax.jit(jax.value_and_grad(lambda v: jnp.sum(picture(v))))
    plan = both.lower(vertices).compile().memory_analysis()
    return plan.temp_size_in_bytes / (size * size * num_layers)


def surfel_ms(size: int, rounds: int) -> float:
    """A surfel picture of a wavy depth map under two point lights.

    Args:
      size: side of the picture.
      rounds: calls.

    Returns:
      Median milliseconds.
    """
    camera = look_at((0, 0, 2.0), (0, 0, 0), height=size, width=size)
    lights = make_lights(0.1, position=[[1, 1, 2.0], [-1, 1, 2]], point=np.ones((2, 3)))
    y, x = np.mgrid[:size, :size] / size
    depth = jnp.asarray(2 + 0.1 * np.sin(9 * x) * np.cos(7 * y), jnp.float32)
    albedo = jnp.full((size, size, 3), 0.7)
    draw = jax.jit(lambda depth: render_surfels(depth, albedo, camera, lights)[0])
    return median_ms(lambda: draw(depth), rounds)


__all__ = [
    "bytes_per_pixel_layer",
    "median_ms",
    "random_scenes",
    "reference_over_cpu",
    "surfel_ms",
    "time_batches",
    "time_layers",
]
