"""What the commands run: agreement, attention, limbs, calibration, the tour and its page, and the bench."""
