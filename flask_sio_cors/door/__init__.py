"""What every request passes: the policy, the guard, and what they say of a refusal."""
