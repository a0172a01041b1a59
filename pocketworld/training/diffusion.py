"""What the UNet is asked to learn: v-prediction on a schedule that ends in pure noise."""

import torch
from diffusers import DDIMScheduler
from torch import Tensor

# Zero terminal SNR and trailing steps: plain backgrounds and night scenes keep their colour (Lin et al. 2023,
# "Common Diffusion Noise Schedules and Sample Steps are Flawed").
SCHEDULE = {
    "num_train_timesteps": 1000,
    "beta_start": 0.00085,
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "prediction_type": "v_prediction",
    "rescale_betas_zero_snr": True,
    "timestep_spacing": "trailing",
    "clip_sample": False,
    "set_alpha_to_one": True,
}
NOISE_SHIFT = 1.5
SNR_LIMIT = 5.0


class Diffusion:
    """Draws timesteps and noise, and weighs the error."""

    def __init__(self):
        self.scheduler = DDIMScheduler(**SCHEDULE)
        signal = self.scheduler.alphas_cumprod
        self.weights = torch.clamp(SNR_LIMIT * (1 - signal) / signal.clamp_min(1e-8), max=1.0)

    def timesteps(self, count: int) -> Tensor:
        """[count] of 0..999 in random order, one from each of `count` equal strata, denser towards noise.

        t -> s t / (1 + (s - 1) t), Esser et al. 2024, section 5.3.2: what a prompt decides is decided early.
        """
        uniform = (torch.randperm(count) + torch.rand(count)) / count
        shifted = NOISE_SHIFT * uniform / (1 + (NOISE_SHIFT - 1) * uniform)
        return (shifted * 1000).long().clamp(0, 999)

    def noisy_and_target(self, latents: Tensor, noise: Tensor, timesteps: Tensor) -> tuple[Tensor, Tensor]:
        """The UNet's input and the velocity it should answer with (Salimans and Ho 2022); shapes as `latents`."""
        noisy = self.scheduler.add_noise(latents, noise, timesteps)
        return noisy, self.scheduler.get_velocity(latents, noise, timesteps)

    def loss(self, predicted: Tensor, velocity: Tensor, timesteps: Tensor, emphasis: Tensor) -> Tensor:
        """Mean squared error, at most `SNR_LIMIT` of it where hardly any noise is left (Hang et al. 2023).

        `emphasis` is [batch, 1, side, side] with a mean of 1: it says where an error counts for more. The best answer
        is the same at every place whatever its weight; only what is learnt first changes.
        """
        squares = (predicted.float() - velocity.to(predicted.device)).square()
        errors = (squares * emphasis.to(predicted.device)).mean((1, 2, 3))
        return (errors * self.weights[timesteps].to(predicted.device)).mean()
