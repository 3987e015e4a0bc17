"""Templates and scripts that put Retail Lake into an AWS account, or into the laptop's."""
