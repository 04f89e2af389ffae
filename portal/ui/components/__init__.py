"""Components that pages share: functions from view models to Dash components."""
