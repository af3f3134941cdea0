"""What the commands compute: agreement, attention, limbs, calibration, the tour and its page, and the bench."""
