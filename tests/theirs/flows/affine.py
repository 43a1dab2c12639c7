scale = 0.5
