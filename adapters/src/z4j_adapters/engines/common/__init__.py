"""What engines share: whose fires are whose, publishing, options, templates."""
