"""IGE-Net for poses: training and comparison of networks that lift them."""
