"""IGE-Net for voxels: training and comparison of networks that reconstruct."""
