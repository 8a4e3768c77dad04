"""Shadows: what each light sees, and how much of it reaches a point.

The scene is rendered once more from every light. A shadow map is not a picture of
depths but of three numbers that may be blurred: how much of a texel is covered, and
the mean and the mean square of the height (towards the light) of what covers it. Its
edges are antialiased like those of a picture, so that shadows move smoothly with what
casts them, and derivatives of all orders follow.

A view of a light is a matrix `M [4, 4]`: with `(X, Y, W, N) = M (p, 1)` a point
appears at the pixel `(X / W, Y / W)` and at the height `N / W`. To the rasterizer it
is the vertex `(X, Y, W) / N`, whose inverse depth is the height. So parallel light
(`W = 1`), for which no pinhole camera exists, is rendered by the same kernels exactly.
Heights are in radii of the sphere about all that casts shadows, and about 2 there.
"""

import functools
import math

import jax
import jax.numpy as jnp
from flax import struct

from ivg.numerics import (
    dot,
    matmul,
    safe_divide,
    safe_norm,
    safe_normalize,
    turn,
)
from ivg.render.antialias import antialias
from ivg.render.fragments import face_planes
from ivg.render.planes import evaluate_planes
from ivg.render.shading import Shader
from ivg.render.texture import sample_bilinear
from ivg.render.visibility import edge_visibility, visibility
from ivg.scene.appearance import Lights
from ivg.scene.graph import Scene, node_of_rows, world_mesh
from ivg.scene.mesh import Mesh
from ivg.typing import Array

_CENTRE = 2.0  # height of the middle of the sphere
_NEAR = 1e-2  # inverse of the greatest height
_LEAST_COTANGENT = 0.5  # of half the field of view of a point light
_LEAST_RATIO = 0.25  # of the distance of a point light to the radius
_LEAST_COVERAGE = 1e-4


@struct.dataclass
class ShadowMaps:
    """What the lights of a scene see, for `L` lights: far ones, then point lights.

    Attributes:
      view: `[L, 4, 4]` matrices from the world to each map.
      moments: `[L, S, S, 3]` coverage, and coverage times height and squared height
        above the middle of the sphere.
      least_variance: `[]` least variance of the heights within a texel.
    """

    view: Array
    moments: Array
    least_variance: Array


def make_shadow_maps(
    scene: Scene,
    *,
    casters: Array | None = None,
    size: int = 256,
    softness: float = 1.0,
    backend: str | None = None,
) -> ShadowMaps:
    """Renders a scene from all its far and point lights.

    The maps are fitted to a sphere about all that casts shadows, so leave out what is
    large and casts none, like the ground. A point light sees a cone of 127 degrees
    about the middle of that sphere, which holds all of it unless the light is nearer
    to it than 1.12 radii.

    Args:
      scene: scene with `N` nodes.
      casters: `[N]` bool, which nodes cast shadows; all if absent.
      size: rows and columns of a map.
      softness: width of the edges of shadows: standard deviation of a Gaussian, in
        texels of the map.
      backend: "cpu", "reference", or None for the platform's best.

    Returns:
      `ShadowMaps`, differentiable in places and directions of lights and nodes. How
      the maps are fitted has no gradient.

    Raises:
      ValueError: for an unknown backend, a negative softness or a map that is too
        small for it.
    """
    kernel = _gaussian(softness)
    margin = len(kernel) // 2 + 1
    if size < 4 * margin:
        raise ValueError(f"softness {softness} needs maps of {4 * margin}, got {size}")
    mesh = world_mesh(scene)
    casting = scene.nodes.mask if casters is None else scene.nodes.mask & casters
    mesh = _mask_nodes(mesh, casting)
    centre, radius = bounding_sphere(mesh)
    view = light_views(scene.lights, centre, radius, size, size // 2 - margin)
    texel = 2 / size

    def look(view):
        return _blur(_moments(mesh, casting.shape[0], view, size, backend), kernel)

    empty = jnp.zeros((0, size, size, 3), mesh.vertices.dtype)
    return ShadowMaps(
        view=view,
        moments=jax.vmap(look)(view) if view.shape[0] else empty,
        least_variance=jnp.asarray(texel**2, mesh.vertices.dtype),
    )


def _mask_nodes(mesh: Mesh, mask: Array) -> Mesh:
    """The mesh with some nodes hidden."""

    def visible(values):
        return values & mask[node_of_rows(values.shape[0], mask.shape[0])]

    return mesh.replace(
        vertex_mask=visible(mesh.vertex_mask),
        face_mask=visible(mesh.face_mask),
        edge_mask=visible(mesh.edge_mask),
    )


def bounding_sphere(mesh: Mesh) -> tuple[Array, Array]:
    """A sphere about all vertices that are not masked out.

    Args:
      mesh: mesh.

    Returns:
      `[3]` centre, the middle of the bounding box, and `[]` radius in metres;
      the origin and one if there is no vertex. No gradient.
    """
    vertices = jax.lax.stop_gradient(mesh.vertices)
    mask = mesh.vertex_mask[:, None]
    low = jnp.min(jnp.where(mask, vertices, jnp.inf), 0)
    high = jnp.max(jnp.where(mask, vertices, -jnp.inf), 0)
    centre = jnp.where(jnp.any(mask), (low + high) / 2, 0)
    distance = jnp.linalg.norm(vertices - centre, axis=-1)
    radius = jnp.max(jnp.where(mesh.vertex_mask, distance, 0), initial=0)
    return centre, jnp.where(radius > 0, radius, 1)


def light_views(
    lights: Lights, centre: Array, radius: Array, size: int, half_width_px: float
) -> Array:
    """Matrices of the views of all lights, see the module.

    Args:
      lights: lights.
      centre: `[3]` middle of the sphere to be seen.
      radius: `[]` its radius, metres.
      size: rows and columns of a map.
      half_width_px: radius of the sphere in the map, pixels.

    Returns:
      `[L, 4, 4]`, far lights first. Differentiable in directions and places.
    """

    def far(direction):
        right, up, back = light_frame(direction)
        rows = jnp.stack([right, -up]) * half_width_px, jnp.zeros((1, 3)), back[None]
        middle = jnp.array([size / 2, size / 2, 1.0, _CENTRE])
        return _matrix(jnp.concatenate(rows) / radius, middle, centre)

    def near(position):
        right, up, back = light_frame(position - centre)
        ratio = jnp.maximum(safe_norm(position - centre) / radius, _LEAST_RATIO)
        cotangent = jnp.sqrt(jnp.maximum(ratio**2 - 1, _LEAST_COTANGENT**2))
        depth, middle = -back, size / 2
        rows = jnp.stack(
            [
                right * cotangent * half_width_px + depth * middle,
                -up * cotangent * half_width_px + depth * middle,
                depth,
                -jnp.maximum(ratio - _CENTRE, 0) * depth,
            ]
        )
        lift = jnp.array([0.0, 0.0, 0.0, 1.0]) * radius * ratio**2
        return _matrix(rows, lift, position)

    views = [far(d) for d in lights.direction] + [near(p) for p in lights.position]
    return jnp.stack(views) if views else jnp.zeros((0, 4, 4), centre.dtype)


def _matrix(rows: Array, value: Array, origin: Array) -> Array:
    """`[4, 4]` of an affine map that has a given value at an origin."""
    return jnp.concatenate([rows, (value - matmul(rows, origin))[:, None]], 1)


def light_frame(direction: Array) -> tuple[Array, Array, Array]:
    """Unit vectors to the right, up and towards a light.

    Args:
      direction: `[3]` towards the light, not zero.

    Returns:
      Three `[3]` unit vectors, right-handed, smooth except where `direction[2]`
      changes its sign.

    Source: Duff et al., Building an Orthonormal Basis, Revisited, JCGT 2017.
    """
    back = safe_normalize(direction)
    x, y, z = back
    sign = jnp.where(z < 0, -1, 1)
    a = -1 / (sign + z)
    right = jnp.stack([1 + sign * x * x * a, sign * x * y * a, -sign * x])
    up = jnp.stack([x * y * a, sign + y * y * a, -y])
    return right, up, back


def _moments(
    mesh: Mesh, num_nodes: int, view: Array, size: int, backend: str | None
) -> Array:
    """`[S, S, 3]` antialiased coverage and heights of one light, premultiplied."""
    seen_from = turn(mesh.vertices, view[:, :3].T) + view[:, 3]
    vertices = seen_from[:, :3] / jnp.maximum(seen_from[:, 3:], _NEAR)
    index = visibility(
        vertices, mesh.faces, mesh.face_mask, near=_NEAR, height=size, width=size,
        backend=backend,
    )  # fmt: skip
    planes, origin = face_planes(vertices, mesh.faces, size, size)
    total = jnp.sum(planes, 1, keepdims=True)
    seen = index[0] >= 0
    height = jnp.where(seen, evaluate_planes(total, origin, index)[0, 0] - _CENTRE, 0)
    image = jnp.stack([seen.astype(height.dtype), height, height**2], -1)
    code = edge_visibility(
        vertices, mesh.faces, node_of_rows(mesh.faces.shape[0], num_nodes),
        mesh.edges, mesh.edge_sharp, mesh.edge_mask, index, near=_NEAR,
        backend=backend,
    )  # fmt: skip
    return antialias(image, vertices, mesh.edges, code, None)


def _gaussian(softness: float) -> list[float]:
    """Weights of a Gaussian out to three standard deviations."""
    if softness < 0:
        raise ValueError(f"softness must not be negative, got {softness}")
    reach, width = math.ceil(3 * softness), max(softness, 1e-3)
    weights = [math.exp(-0.5 * (i / width) ** 2) for i in range(-reach, reach + 1)]
    return [w / sum(weights) for w in weights]


def _blur(image: Array, kernel: list[float]) -> Array:
    """Convolution of an image `[S, S, C]` with a kernel along both axes."""
    reach, size = len(kernel) // 2, image.shape[0]
    for axis in (0, 1):
        padding = [(0, 0)] * 3
        padding[axis] = (reach, reach)
        padded = jnp.pad(image, padding)
        shifted = (
            w * jax.lax.slice_in_dim(padded, i, i + size, axis=axis)
            for i, w in enumerate(kernel)
        )
        image = functools.reduce(jnp.add, shifted)
    return image


def light_visibility(maps: ShadowMaps, position: Array) -> Array:
    """How much of every light reaches points.

    Args:
      maps: `L` shadow maps.
      position: `[3, ...]` metres, in the world.

    Returns:
      `[L, ...]` in [0, 1]; one beyond the maps. Differentiable in both.

    Source: Donnelly and Lauritzen, Variance Shadow Maps, 2006: by Chebyshev's
    inequality, light reaches at most `v / (v + (m - z)^2)` of the points at height z
    below a cover of mean height m and variance v; where cover and receiver are flat
    it reaches as much. Here the bound is taken within what is covered.
    """
    arrives = [
        _arrives(view, moments, maps.least_variance, position)
        for view, moments in zip(maps.view, maps.moments, strict=True)
    ]
    empty = jnp.zeros((0, *position.shape[1:]), position.dtype)
    return jnp.stack(arrives) if arrives else empty


def _arrives(
    view: Array, moments: Array, least_variance: Array, position: Array
) -> Array:
    size = moments.shape[0]
    x, y, w, n = (dot(position, row[:3]) + row[3] for row in view)
    inverse = safe_divide(1.0, jnp.where(w > 0, w, 0))
    place = jnp.stack([x, y]) * inverse / size
    inside = (w > 0) & jnp.all((place > 0) & (place < 1), 0)
    u, v = jnp.clip(place, 0.5 / size, 1 - 0.5 / size)
    coverage, first, second = sample_bilinear(moments, jnp.stack([u, 1 - v]))
    covered = inside & (coverage > _LEAST_COVERAGE)
    coverage = jnp.where(covered, coverage, 1)
    mean = first / coverage
    variance = jnp.maximum(second / coverage - mean**2, 0) + least_variance
    below = jnp.maximum(mean + _CENTRE - n * inverse, 0) ** 2
    hidden = jnp.clip(coverage, 0, 1) * below / (variance + below)
    return jnp.where(covered, 1 - hidden, 1)


def shadowed(shader: Shader, maps: ShadowMaps) -> Shader:
    """A shader whose far and point lights cast shadows.

    For example `render(scene, shader=shadowed(lambert, make_shadow_maps(scene)))`,
    inside of what is compiled.

    Args:
      shader: shader that respects `Surface.light_visibility`, as `irradiance` does.
      maps: shadow maps of the scene.

    Returns:
      Shader of the same kind.
    """

    def shade(surface, lights):
        reach = light_visibility(maps, surface.position)
        return shader(surface.replace(light_visibility=reach), lights)

    return shade


__all__ = [
    "ShadowMaps",
    "bounding_sphere",
    "light_frame",
    "light_views",
    "light_visibility",
    "make_shadow_maps",
    "shadowed",
]
