"""One model's answers, image by image. Imports no torch: the helper process answers."""
