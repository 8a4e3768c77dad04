"""The learned scene decomposition: depths of a cup and a wooden block in one pass."""
