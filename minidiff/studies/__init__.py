"""What the commands compute: agreement, attention, limbs, calibration, memory, the tour and its page, and the bench."""
