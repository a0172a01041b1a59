"""What is put into a base model and taken out again: LoRAs, fine-tunes, IP-Adapters, and their files."""
