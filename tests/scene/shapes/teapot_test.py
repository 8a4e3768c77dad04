"""The teapot, against the volumes and the directions that its parts must have."""

import numpy as np

from ivg.scene.shapes.teapot import BODY, make_teapot


def test_a_teapot():
    mesh = make_teapot()
    vertices, faces = np.asarray(mesh.vertices), np.asarray(mesh.faces)
    extent = np.ptp(vertices, axis=0)
    np.testing.assert_allclose(extent, [0.74, 0.61, 1.2], atol=0.03)
    assert vertices[:, 1].min() == 0
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    cross = np.cross(b - a, c - a)
    outward = np.asarray(mesh.normals)[faces].mean(1)
    assert np.mean(np.sum(cross * outward, 1) > 0) > 0.999
    radius, height = np.array(BODY).T
    frusta = np.diff(height) / 3 * (
        radius[1:] ** 2 + radius[1:] * radius[:-1] + radius[:-1] ** 2
    )  # fmt: skip
    volume = np.sum(cross * a) / 6
    body = np.pi * frusta.sum()
    assert 0.97 * body < volume < 1.2 * body  # spout and handle reach into it
    np.testing.assert_allclose(np.linalg.norm(mesh.normals, axis=1), 1, atol=1e-5)
