"""What the faces of small meshes look like, for tests of both backends."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.render.visibility import BACKENDS, visibility

SIZE, NEAR = 32, 0.1
TRIANGLE = np.array([[4, 4, 1], [28, 6, 1], [10, 27, 1.0]])
MOST_VERTICES, MOST_FACES = 64, 40
STATIC = ("height", "width", "num_layers", "cull", "backend")
contract = pytest.mark.parametrize("backend", BACKENDS)
jitted = jax.jit(visibility, static_argnames=STATIC)


def see(backend, vertices, faces=None, mask=None, *, is_padded=True, **options):
    """Faces of triangles given by homogeneous pixel coordinates.

    Small meshes are padded, so that one program draws them all.
    """
    vertices = np.asarray(jnp.asarray(vertices))  # in the precision of the moment
    if faces is None:
        faces = np.arange(len(vertices)).reshape(-1, 3)
    faces = np.asarray(faces, np.int32)
    mask = np.ones(len(faces), bool) if mask is None else np.asarray(mask)
    if is_padded and len(vertices) <= MOST_VERTICES and len(faces) <= MOST_FACES:
        vertices = np.pad(vertices, ((0, MOST_VERTICES - len(vertices)), (0, 0)))
        more = MOST_FACES - len(faces)
        faces, mask = np.pad(faces, ((0, more), (0, 0))), np.pad(mask, (0, more))
    options = {"near": NEAR, "height": SIZE, "width": SIZE, "radius_px": 0.0} | options
    return np.asarray(jitted(vertices, faces, mask, backend=backend, **options))
