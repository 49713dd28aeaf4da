"""Training itself: the model, its data, augmentation, steps and checkpoints. Imports torch, and opens no run folder."""
