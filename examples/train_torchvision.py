"""Trains a torchvision network on a folder of images, and logs into the lab: watch it live on Run.

    PYTHONPATH=. python examples/train_torchvision.py IMAGES --model resnet18 --epochs 5

IMAGES holds `train/` and `val/`, each with a folder of images for every class. The script knows nothing of the lab but
the import below; with `import trackio` instead it logs there.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import models
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

import core.log as trackio


def main() -> None:
    parser = argparse.ArgumentParser(description="Trains a torchvision network on a folder of images.")
    parser.add_argument("images", type=Path)
    parser.add_argument("--model", default="resnet18", help="any classifier of torchvision.models")
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.01)
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    settings = parser.parse_args()

    torch.manual_seed(settings.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train, val = (load(settings.images / part, settings) for part in ("train", "val"))
    classes = train.dataset.classes  # type: ignore[attr-defined]
    network = models.get_model(settings.model, num_classes=len(classes)).to(device)
    optimizer = torch.optim.SGD(network.parameters(), lr=settings.lr, momentum=0.9)

    trackio.init(
        project=settings.images.resolve().name, name=settings.model, config=vars(settings), tags=["torchvision"]
    )
    for epoch in range(settings.epochs):
        network.train()
        for images, labels in train:
            loss = nn.functional.cross_entropy(network(images.to(device)), labels.to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            trackio.log({"train/loss": loss, "epoch": epoch})
        val_loss, val_accuracy = evaluate(network, val, device)
        trackio.log({"val/loss": val_loss, "val/accuracy": val_accuracy, "epoch": epoch})
        print(f"epoch {epoch + 1}: validation accuracy {100 * val_accuracy:.1f} %")
    trackio.finish()


def load(folder: Path, settings: argparse.Namespace) -> DataLoader[tuple[Tensor, Tensor]]:
    """Batches of images (N, 3, size, size) from 0 to 1 and their classes (N,), shuffled for training."""
    size = settings.image_size
    look = v2.Compose([v2.Resize((size, size)), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
    return DataLoader(ImageFolder(folder, look), settings.batch_size, shuffle=folder.name == "train")


@torch.no_grad()
def evaluate(
    network: nn.Module, batches: DataLoader[tuple[Tensor, Tensor]], device: torch.device
) -> tuple[float, float]:
    """Mean loss and accuracy (0 to 1) over all images."""
    network.eval()
    loss, right, count = 0.0, 0, 0
    for images, labels in batches:
        logits, labels = network(images.to(device)), labels.to(device)  # (N, classes)
        loss += nn.functional.cross_entropy(logits, labels, reduction="sum").item()
        right += int((logits.argmax(1) == labels).sum())
        count += len(labels)
    return loss / count, right / count


if __name__ == "__main__":
    main()
