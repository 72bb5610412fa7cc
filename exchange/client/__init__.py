"""The member's side: talks to an exchange and believes nothing that it says."""
