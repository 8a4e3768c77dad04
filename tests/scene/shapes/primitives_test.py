import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.scene.shapes import primitives
from ivg.scene.shapes.surface import compiled


def _polygon(sides):
    return sides / 2 * math.sin(2 * math.pi / sides)  # its area, for radius 1


TABLE = {
    "box": ((0.3, 0.5, 0.7),),
    "sphere": (0.4,),
    "cylinder": (0.3, 0.8),
    "cone": (0.3, 0.8),
    "torus": (0.4, 0.1),
}
VOLUMES = {  # of the polyhedron where it has a closed form, with its tolerance
    "box": (0.3 * 0.5 * 0.7, 1e-5),
    "sphere": (4 / 3 * math.pi * 0.4**3, 0.03),
    "cylinder": (_polygon(32) * 0.3**2 * 0.8, 1e-5),
    "cone": (_polygon(48) * 0.3**2 * 0.8 / 3, 1e-5),
    "torus": (2 * math.pi**2 * 0.4 * 0.1**2, 0.03),
}
AREAS = {
    "box": (2 * (0.15 + 0.21 + 0.35), 1e-5),
    "sphere": (4 * math.pi * 0.4**2, 0.02),
    "cylinder": (2 * math.pi * 0.3 * (0.3 + 0.8), 0.01),
    "cone": (math.pi * 0.3 * (0.3 + math.hypot(0.3, 0.8)), 0.01),
    "torus": (4 * math.pi**2 * 0.4 * 0.1, 0.02),
}


@pytest.mark.parametrize("name", TABLE)
def test_solids_are_closed_and_stand_at_the_origin(name, check_mesh):
    mesh = getattr(primitives, name)(*TABLE[name])
    check_mesh(mesh, num_parts=1)
    across = np.asarray(mesh.vertices)[:, [0, 2]]
    np.testing.assert_allclose(across.min(0), -across.max(0), atol=1e-6)


@pytest.mark.parametrize("name", TABLE)
def test_volume_and_area_are_those_of_the_closed_form(name, parts):
    (solid,) = parts(getattr(primitives, name)(*TABLE[name]))
    for got, (expected, tolerance) in (
        (solid.volume, VOLUMES[name]),
        (solid.area, AREAS[name]),
    ):
        assert got == pytest.approx(expected, rel=tolerance)


def test_sphere_normals_are_radial():
    mesh = primitives.sphere(0.4)
    radial = (np.asarray(mesh.vertices) - [0, 0.4, 0]) / 0.4
    np.testing.assert_allclose(mesh.normals, radial, atol=1e-3)


def test_smooth_and_sharp_edges():
    assert len(primitives.box().vertices) == 24
    assert not primitives.sphere().edge_sharp.any()
    assert primitives.box().edge_sharp.sum() == 24
    for mesh in (primitives.cylinder(), primitives.cone()):
        height = np.asarray(mesh.vertices)[np.asarray(mesh.edges)[:, :2], 1]
        level = height[:, 0] == height[:, 1]
        assert not np.asarray(mesh.edge_sharp)[~level].any()


def test_plane_faces_up():
    mesh = primitives.plane((2.0, 3.0))
    np.testing.assert_array_equal(mesh.normals, np.tile([0.0, 1.0, 0.0], (4, 1)))
    a, b, c = np.asarray(mesh.vertices)[np.asarray(mesh.faces[0])]
    assert np.cross(b - a, c - a)[1] > 0
    np.testing.assert_allclose(np.ptp(np.asarray(mesh.vertices), axis=0), [4, 0, 6])


@pytest.mark.parametrize("name", [*TABLE, "plane"])
def test_surfaces_are_differentiable_and_vmappable(name):
    surface = getattr(primitives, f"{name}_surface")
    sizes = tuple(jnp.asarray(x) for x in TABLE.get(name, ((2.0, 3.0),)))

    def weigh(*sizes):
        points, normals, _ = surface(*sizes)
        return jnp.sum(points**2) + jnp.sum(normals**3)

    with jax.numpy_rank_promotion("raise"):
        gradient = compiled(jax.grad(weigh, tuple(range(len(sizes)))))(*sizes)
    assert all(np.isfinite(g).all() and np.any(g != 0) for g in gradient)
    twice = [jnp.stack([x, 2 * x]) for x in sizes]
    points, _, _ = compiled(jax.vmap(surface))(*twice)
    np.testing.assert_allclose(points[1], 2 * points[0], atol=1e-6)
