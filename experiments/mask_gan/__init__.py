"""The tables of Peter's mask GAN paper; see README.md."""
