"""Animations."""

import io

import numpy as np
import pytest
from PIL import Image, ImageSequence

from ivg.viz.gif import gif_bytes


def test_frames_and_durations():
    frames = [np.full((16, 24, 3), v, np.float32) for v in (0.0, 0.3, 1.0)]
    with Image.open(io.BytesIO(gif_bytes(frames, 100, 900))) as image:
        read = [
            (frame.info["duration"], np.asarray(frame.convert("RGB")))
            for frame in ImageSequence.Iterator(image)
        ]
        assert image.info["loop"] == 0
    assert [duration for duration, _ in read] == [100, 100, 900]
    for frame, (_, got) in zip((0, 149, 255), read, strict=True):
        assert got.shape == (16, 24, 3)
        np.testing.assert_allclose(got, frame, atol=3)


def test_colours_survive():
    image = np.random.default_rng(0).integers(0, 8, (16, 16, 3), dtype=np.uint8) * 36
    with Image.open(io.BytesIO(gif_bytes([image]))) as read:
        difference = np.asarray(read.convert("RGB"), float) - image
    assert np.abs(difference).mean() < 20


@pytest.mark.parametrize("frames", [[], [np.zeros((4, 4, 3)), np.zeros((4, 5, 3))]])
def test_refuses(frames):
    with pytest.raises(ValueError, match="one size"):
        gif_bytes(frames)
