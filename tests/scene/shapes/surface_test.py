import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ivg.scene.shapes import curve, surface


def test_cubic_path_passes_its_joints_in_order():
    stations = jnp.array([[0.0, 1.0], [1.0, 3.0], [3.0, 2.0], [4.0, 0.0]])
    control = curve.smooth_pieces(stations)
    path = jax.vmap(lambda u: curve.cubic_path(control, u))
    np.testing.assert_array_equal(path(jnp.arange(4.0)), stations)
    u = jnp.linspace(0, 3, 50)
    assert (np.diff(path(u)[:, 0]) > 0).all()


def test_smooth_pieces_have_one_tangent_at_a_joint():
    stations = jnp.array([[0.0, 1.0], [1.0, 3.0], [3.0, 2.0]])
    first, second = curve.smooth_pieces(stations)
    ahead, behind = second[1] - second[0], first[3] - first[2]
    np.testing.assert_allclose(ahead[0] * behind[1], ahead[1] * behind[0], atol=1e-6)


def test_bend_is_a_quarter_circle():
    right, up = jnp.array([1.0, 0.0]), jnp.array([0.0, 1.0])
    arc = curve.bend(right, up, up, -right)
    points = jax.vmap(lambda u: curve.cubic_path(arc, u))(jnp.linspace(0, 1, 20))
    np.testing.assert_allclose(np.linalg.norm(points, axis=1), 1, atol=5e-4)


def test_piece_rows_hold_every_joint():
    rows = curve.piece_rows([1, 3, 2])
    assert len(rows) == 7
    assert {0.0, 1.0, 2.0, 3.0} <= set(rows)


@pytest.fixture
def dome():
    arc = curve.bend(*map(jnp.array, ([1.0, 0.0], [0.0, 1.0], [0.0, 1.0], [-1.0, 0.0])))
    return surface.patch(
        surface.lathe(arc),
        np.linspace(0, 1, 6),
        curve.circle_columns(12),
        poles=(False, True),
    )


def test_seam_and_pole_are_exact(dome):
    np.testing.assert_array_equal(dome.points[:, 0], dome.points[:, -1])
    np.testing.assert_array_equal(dome.normals[:, 0], dome.normals[:, -1])
    assert len(np.unique(dome.points[-1], axis=0)) == 1
    np.testing.assert_allclose(dome.normals[-1], np.tile([0, 1, 0], (13, 1)), atol=5e-3)


def test_normals_of_a_lathe_are_those_of_the_body(dome):
    np.testing.assert_allclose(dome.normals, dome.points, atol=5e-3)


def test_faces_of_a_patch_leave_out_what_a_pole_collapses(dome):
    assert surface.join_faces([dome]).shape == (2 * 5 * 12 - 12, 3)
    assert surface.join([dome])[0].shape[0] == surface.join_faces([dome]).max() + 1


def test_tube_about_a_line_is_a_cylinder():
    axis = curve.line(jnp.zeros(3), jnp.array([0.0, 2.0, 0.0]))
    profile = curve.line(jnp.array([0.0, 0.5, 0.5]), jnp.array([1.0, 0.5, 0.5]))
    side = surface.patch(
        surface.tube(axis, jnp.array([1.0, 0.0, 0.0]), profile),
        np.array([0.0, 1.0]),
        curve.circle_columns(8),
    )
    across = np.asarray(side.points)[..., [0, 2]]
    np.testing.assert_allclose(np.linalg.norm(across, axis=-1), 0.5, atol=1e-6)
    np.testing.assert_allclose(side.normals[..., [0, 2]], across / 0.5, atol=1e-5)


def test_settle_moves_all_parts_alike(dome):
    low = dome.replace(points=dome.points - 3)
    moved = surface.settle([dome, low], jnp.array([1.0, 0.0, 2.0]))
    assert moved[1].points[..., 1].min() == 0
    expected = np.broadcast_to(np.float32(3), dome.points.shape)
    np.testing.assert_allclose(moved[0].points - moved[1].points, expected, rtol=1e-6)
