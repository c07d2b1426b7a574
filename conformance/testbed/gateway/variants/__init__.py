"""What a gateway may do: no rule may fail on it, under the policy that each variant names."""
