"""A run as one `train.py` that needs only torch and torchvision, made of the engine's own sources."""
