"""System cron: users' crontabs, /etc/crontab and /etc/cron.d."""
