"""What the papers describe: losses, hints, the training loop, augmentation."""
